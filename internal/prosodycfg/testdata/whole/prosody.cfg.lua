-- A server with everything that an import looks at.
admins = { "admin@example.net" }
plugin_paths = { "/srv/prosody-modules" }
modules_enabled = { "roster"; "saslauth"; "disco"; "tls"; "http_file_share"; "tokenauth" }
http_ports = { 5280, 5282 }
http_interfaces = { "*" }
https_ports = { 5281 }
https_ssl = { certificate = "certs/web.crt"; key = "certs/web.key" }
http_cors_override = { rest = { enabled = true; origins = { "https://app.example.net" } } }
http_paths = { rest = "/xmpp" }
component_ports = { 5348 }
component_interfaces = { "10.0.0.5" }
rest_iq_timeout = 45
log = { { levels = { min = "warn" }; to = "console" } }

local domain = "example" .. ".net"

VirtualHost(domain)
	authentication = "internal_hashed"

Include "conf.d/*.cfg.lua"
