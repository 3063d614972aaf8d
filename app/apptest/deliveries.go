package apptest

import (
	"encoding/json"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// senderOf is the login of whoever caused a delivery.
func senderOf(d githubtest.Delivery) string {
	var p struct {
		Sender struct {
			Login string `json:"login"`
		} `json:"sender"`
	}
	if json.Unmarshal(d.Payload, &p) != nil {
		return ""
	}
	return p.Sender.Login
}
