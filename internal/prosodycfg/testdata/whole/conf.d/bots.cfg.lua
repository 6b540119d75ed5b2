Component "alerts.example.net" "rest"
	component_secret = "shared \"with\" newest mod_rest"
	rest_auth_mechanisms = { "Basic"; "Bearer" }
	rest_callback_url = "http://bot:pass@127.0.0.1:8000/{kind}?to={to}"
	rest_callback_content_type = "application/json"
	rest_callback_stanzas = { "message"; "iq" }
	rest_callback_events = { "bare"; "full" }
	rest_stanza_size_limit = 1024 * 1024
	rest_iq_max_timeout = "2 minutes"
	rest_demo_resources = "/srv/demo"
	rest_colour = "blue"
	modules_enabled = { "disco_items" }

Component "old.example.net" "rest" {
	rest_credentials = "Bearer dmVyeSBzZWNyZXQgdG9rZW4K";
}
