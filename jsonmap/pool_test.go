package jsonmap_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/restanza/restanza/jsonmap"
)

// Documents share memory that is used again. What is made of one is never of another,
// nor of one that was refused.
func TestParse_atOnce(t *testing.T) {
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 500 {
				text := fmt.Sprintf("%d of %d %s", i, worker, strings.Repeat("x", i*worker))
				st, err := jsonmap.Parse([]byte(`{"to":"a@b","subject":"`+text+`","body":"\u2615 `+text+`"}`), jsonmap.Envelope{}, jsonmap.Full)
				want := `<message to="a@b"><subject>` + text + `</subject><body>☕ ` + text + `</body></message>`
				if err != nil || string(st.XML()) != want {
					t.Errorf("got %v, %v, want %s", st, err, want)
				}
				bad := []string{`{"to":"a@b","bodi":"` + text + `"}`, `{"to":"` + text, `{"body":{"x":"` + text + `"}}`}[i%3]
				_, err = jsonmap.Parse([]byte(bad), jsonmap.Envelope{}, jsonmap.Full)
				if err == nil || strings.Contains(err.Error(), text) {
					t.Errorf("%s: %v", bad, err)
				}
			}
		})
	}
	wait.Wait()
}
