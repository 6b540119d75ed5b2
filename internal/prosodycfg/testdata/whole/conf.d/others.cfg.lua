Component "rooms.example.net" "muc"
Component "irc.example.net"
	component_secret = "biboumi's"
VirtualHost "people.example.net"
	modules_enabled = { "rest" }
	anonymous_rest = true
