package prosodycfg

// Mapping says what becomes of one of Prosody's options.
type Mapping struct {
	Option  string // as it stands in a Prosody configuration
	Setting string // its key here; empty: there is none
	Why     string // if there is none: the reason, and what to do instead
}

// Keys of settings, as config.Settings has them.
const (
	keyDomain        = "component.domain"
	keyServer        = "component.server"
	keySecret        = "component.secret"
	keySecretFile    = "component.secret_file"
	keyBasicSecret   = "component.basic_secret"
	keyIQTimeout     = "component.iq_timeout"
	keyIQMaxTimeout  = "component.iq_max_timeout"
	keySizeLimit     = "component.stanza_size_limit"
	keyAuthorization = "component.credential.authorization"
	keyAuthFile      = "component.credential.authorization_file"
	keyURL           = "component.callback.url"
	keyContentType   = "component.callback.content_type"
	keyStanzas       = "component.callback.stanzas"
	keyEvents        = "component.callback.events"
	keyListen        = "http.listen"
	keyCertificate   = "http.tls_certificate"
	keyKey           = "http.tls_key"
	keyOrigins       = "http.cors_origins"
	keyProfile       = "http.json_profile"
	keyLevel         = "log.level"
)

// Mappings returns the options of mod_rest, each with its setting, and those of Prosody's own
// that matter to it, in the order of the documentation.
func Mappings() []Mapping {
	return []Mapping{
		{Option: "rest_callback_url", Setting: keyURL},
		{Option: "rest_callback_content_type", Setting: keyContentType},
		{Option: "rest_callback_stanzas", Setting: keyStanzas},
		{Option: "rest_callback_events", Setting: keyEvents},
		{Option: "rest_stanza_size_limit", Setting: keySizeLimit},
		{Option: "rest_iq_timeout", Setting: keyIQTimeout},
		{Option: "rest_iq_max_timeout", Setting: keyIQMaxTimeout},
		{Option: "rest_credentials", Setting: keyAuthorization},
		{Option: "rest_auth_mechanisms", Why: "a credential says itself how it is sent: Bearer, Basic, or any other scheme"},
		{Option: "anonymous_rest", Why: "it is for hosts whose accounts are made on the spot; give each program a credential with an identity"},
		{Option: "rest_demo_resources", Why: "the API can be browsed at /docs/ anyway, unless http.api_docs is false"},

		{Option: "component_secret", Setting: keySecret},
		{Option: "component_ports", Setting: keyServer},
		{Option: "component_interfaces", Setting: keyServer},
		{Option: "http_ports", Setting: keyListen},
		{Option: "http_interfaces", Setting: keyListen},
		{Option: "https_certificate", Setting: keyCertificate},
		{Option: "https_key", Setting: keyKey},
		{Option: "http_cors_override", Setting: keyOrigins},
		{Option: "access_control_allow_origins", Setting: keyOrigins},
		{Option: "log", Setting: keyLevel},

		{Option: "http_paths", Why: "the API is at /rest; a reverse proxy can give it another path"},
		{Option: "http_host", Why: "requests are answered whatever host they name"},
		{Option: "http_external_url", Why: "addresses that clients use are not needed here"},
		{Option: "trusted_proxies", Why: "addresses of clients are not used here"},
		{Option: "http_max_content_size", Why: "component.stanza_size_limit bounds what a request may have"},
		{Option: "component_stanza_size_limit", Why: "it stays in Prosody"},
		{Option: "load_global_modules", Why: "Prosody's modules don't run here"},
		{Option: "modules_enabled", Why: "Prosody's modules don't run here"},
		{Option: "modules_disabled", Why: "Prosody's modules don't run here"},
	}
}

// mapping returns what becomes of an option.
func mapping(option string) (Mapping, bool) {
	for _, m := range Mappings() {
		if m.Option == option {
			return m, true
		}
	}
	return Mapping{}, false
}
