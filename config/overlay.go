package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// overlay sets what one stronger source gives: given has the texts by the name that the
// source uses for a setting.
func (d *draft) overlay(kind string, name func(Setting) string, given map[string]string) {
	for _, s := range Settings() {
		text, ok := given[name(s)]
		if !ok || !d.makeRoom(kind, name(s), s.Key) {
			continue
		}
		eachField(&d.config, s.Key, func(path string, v value) {
			d.origins[path] = origin{source: name(s)}
			if err := v.set(text); err != nil {
				d.fail(path, "%s", err)
			}
		})
		if other, ok := alternative(s.Key); ok && given[name(other)] == "" {
			eachField(&d.config, other.Key, func(path string, v value) { d.clear(path, v) })
		}
	}
}

// makeRoom sees to it that there is exactly one component, and one credential, for a key of
// these. Where there are several it can't be told which one is meant.
func (d *draft) makeRoom(kind, name, key string) bool {
	if !strings.HasPrefix(key, "component.") {
		return true
	}
	all := &d.config.Components
	if len(*all) == 0 {
		*all = append(*all, DefaultComponent())
	}
	if len(*all) > 1 {
		d.refuse(kind, name, len(*all), "components")
		return false
	}
	if !strings.HasPrefix(key, "component.credential.") {
		return true
	}
	credentials := &(*all)[0].Credentials
	if len(*credentials) == 0 {
		*credentials = append(*credentials, Credential{})
	}
	if len(*credentials) > 1 {
		d.refuse(kind, name, len(*credentials), "credentials")
		return false
	}
	return true
}

func (d *draft) refuse(kind, name string, n int, what string) {
	d.errors = append(d.errors, &Error{Source: name, Reason: fmt.Sprintf(
		"%s has %d %s, and a %s can't tell which one is meant; set this in the file", d.file, n, what, kind)})
}

// alternative returns the setting that a stronger source sets aside by giving key: a secret that stands there for
// a secret in a file, and the other way round.
func alternative(key string) (Setting, bool) {
	other := strings.TrimSuffix(key, "s") + "_file" // a file may hold several
	if base, ok := strings.CutSuffix(key, "_file"); ok {
		other = base
	}
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Key == other || s.Key == other+"s" })
	if i < 0 {
		return Setting{}, false
	}
	return all[i], true
}

func (d *draft) clear(path string, v value) {
	if err := v.set(""); err != nil {
		panic("config: " + path + " can't be empty: " + err.Error())
	}
	delete(d.origins, path)
}

// warnUnknown warns of variables that look like ours and are not. Those of the test
// suite are left alone.
func (d *draft) warnUnknown(env map[string]string) {
	known := []string{ConfigEnv, clientURLEnv}
	words := map[string]string{} // without the prefix, which would make all of them alike
	for _, s := range Settings() {
		known = append(known, s.Env())
	}
	for _, name := range known {
		words[strings.TrimPrefix(name, envPrefix)] = name
	}
	candidates := slices.Sorted(maps.Keys(words))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, envPrefix+"TEST_") {
			d.warn("%s: unknown variable, ignored%s", name, didYouMean(words[nearest(strings.TrimPrefix(name, envPrefix), candidates)]))
		}
	}
}
