package events

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The limits in docs/receiving.md are those of the code.
func TestReceivingDocument_limits(t *testing.T) {
	text, err := os.ReadFile("../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[any]string{2 * time.Minute: "two minutes", 5 * time.Second: "five seconds", 7 * 24 * time.Hour: "a week", 1000: "1,000"}
	word := func(value any) string {
		if words[value] == "" {
			t.Fatalf("no word for %v", value)
		}
		return words[value]
	}
	for _, sentence := range []string{
		"or was there within the last " + word(missedFor),
		"for " + word(missedFor) + " after its last poll, or twice its `ack_wait`",
		"or was within the last " + word(soon),
		"So does " + word(consumerAge) + " in which nobody uses it",
		"There are at most " + word(maxConsumers) + " for each component",
		"on it gets at most " + word(maxWindow) + ",",
		fmt.Sprintf("underscores, at most %d,", maxConsumerName),
	} {
		if !strings.Contains(string(text), sentence) {
			t.Errorf("docs/receiving.md does not say %q", sentence)
		}
	}
}
