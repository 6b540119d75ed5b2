package client

import "time"

// Token is a credential that was made while a Restanza ran, as it shows it.
type Token struct {
	ID        string    `json:"id"`
	Token     string    `json:"token"` // its text, which is shown when it is made, and empty then on
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Component string    `json:"component"`
	Identity  string    `json:"identity"`
	Rights    []string  `json:"rights"`
	To        []string  `json:"to"`
	Kinds     []string  `json:"kinds"`
	Networks  []string  `json:"networks"`
	Rate      string    `json:"rate"`
	Burst     int       `json:"burst"`
	InQuery   bool      `json:"in_query"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	LastUsed  time.Time `json:"last_used"`
	Revoked   time.Time `json:"revoked"`
}

// Tokens is a page of a list.
type Tokens struct {
	Tokens []Token `json:"tokens"`
	Next   string  `json:"next"` // cursor to the next page; empty: there is none
}

// NewToken is what a new token is to be. What is empty is left to the gateway.
type NewToken struct {
	Name      string   `json:"name"`
	Component string   `json:"component,omitempty"`
	Identity  string   `json:"identity,omitempty"`
	Rights    []string `json:"rights"`
	To        []string `json:"to,omitempty"`
	Kinds     []string `json:"kinds,omitempty"`
	Networks  []string `json:"networks,omitempty"`
	Expires   string   `json:"expires,omitempty"`
	Rate      string   `json:"rate,omitempty"`
	Burst     int      `json:"burst,omitempty"`
	InQuery   bool     `json:"in_query,omitempty"`
}
