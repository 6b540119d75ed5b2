package doctor

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"github.com/restanza/restanza/config"
)

// enoughBits is how hard to guess a secret should at least look: as hard as 16
// random letters and digits of one case.
const enoughBits = 80

// credentials looks at what the configuration lets pass: credentials that are
// missing, can be guessed, or can't be sent.
func (v *visit) credentials(context.Context) finding {
	var try []string
	if wrong := weak(v.c.Secret.Reveal()); wrong != "" {
		try = append(try, "the component's secret "+wrong)
	}
	names := make([]string, len(v.c.Credentials))
	for i := range v.c.Credentials {
		credential := &v.c.Credentials[i]
		names[i] = credential.Identity.String()
		if wrong := wrongWith(credential.Authorization.Reveal()); wrong != "" {
			try = append(try, fmt.Sprintf("credential %d, for %s: %s", i+1, names[i], wrong))
		}
	}
	if len(names) == 0 {
		return warning("none: nobody can send for "+v.c.Domain.String(), append(try, "add a [[component.credential]], unless this component only receives")...)
	}
	return warningIf(count(len(names), "credential")+", for "+strings.Join(names, ", "), try)
}

// wrongWith says what is wrong with a complete Authorization value, without
// showing any of it; empty: nothing.
func wrongWith(authorization string) string {
	scheme, value, _ := strings.Cut(authorization, " ")
	value = strings.TrimLeft(value, " ")
	if !strings.EqualFold(scheme, "Basic") {
		if wrong := weak(value); wrong != "" {
			return "its value " + wrong
		}
		return ""
	}
	text, err := base64.StdEncoding.DecodeString(value)
	_, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return "what follows Basic is not the base64 form of user:password, as HTTP clients send it"
	}
	if wrong := weak(password); wrong != "" {
		return "its password " + wrong
	}
	return ""
}

// weak says why a secret may be guessed, and what to do; empty: it looks good.
func weak(secret string) string {
	const instead = "; make one with: openssl rand -hex 16"
	if isExample(secret) {
		return "is that of the example" + instead
	}
	if bits(secret) < enoughBits {
		return "is short or simple enough to be guessed" + instead
	}
	return ""
}

// isExample reports whether a secret is one of the annotated example's.
func isExample(secret string) bool {
	example, err := config.Parse("example", []byte(config.Example()))
	if err != nil || secret == "" {
		return false // a test of package config sees to it that there is no error
	}
	for i := range example.Components {
		c := &example.Components[i]
		if secret == c.Secret.Reveal() {
			return true
		}
		for j := range c.Credentials {
			if strings.HasSuffix(c.Credentials[j].Authorization.Reveal(), " "+secret) {
				return true
			}
		}
	}
	return false
}

// bits estimates from above how many random bits a secret stands for: as if each
// character were drawn from all of its sort, and no more than the number of
// different ones allows.
func bits(secret string) float64 {
	var lower, upper, digit, other int
	different := map[rune]bool{}
	length := 0
	for _, r := range secret {
		length++
		different[r] = true
		switch {
		case 'a' <= r && r <= 'z':
			lower = 26
		case 'A' <= r && r <= 'Z':
			upper = 26
		case '0' <= r && r <= '9':
			digit = 10
		default:
			other = 32
		}
	}
	alphabet := min(lower+upper+digit+other, len(different)*len(different))
	if alphabet < 2 {
		return 0
	}
	return float64(length) * math.Log2(float64(alphabet))
}
