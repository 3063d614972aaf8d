package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) deliveryJSON(d *Delivery, whole bool) obj {
	o := obj{
		"id": d.ID, "guid": d.GUID, "delivered_at": at(d.DeliveredAt), "redelivery": d.Redelivery, "duration": d.Duration.Seconds(),
		"status": d.Status, "status_code": d.StatusCode, "event": d.Event, "action": textOrNull(d.Action), "installation_id": idOrNull(d.Installation),
		"repository_id": idOrNull(d.Repository), "throttled_at": nil,
	}
	if whole {
		payload := obj{}
		_ = json.Unmarshal(d.Payload, &payload)
		answered := obj{}
		for k, v := range d.answered {
			answered[k] = strings.Join(v, ", ")
		}
		o["url"] = s.apps[d.App].WebhookURL
		o["request"] = obj{"headers": d.Headers, "payload": payload}
		o["response"] = obj{"headers": answered, "payload": textOrNull(d.Answer)}
	}
	return o
}

func idOrNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// listDeliveries pages by cursor, newest first, as GitHub does.
func (s *Server) listDeliveries(c *call) answer {
	q := c.r.URL.Query()
	size := 30
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	cursor, _ := strconv.ParseInt(strings.TrimPrefix(q.Get("cursor"), "v1_"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []obj{}
	header := map[string]string{}
	for _, d := range slices.Backward(s.sent) {
		if d.App != c.actor.app.ID || d.Status == "pending" || cursor != 0 && d.ID > cursor {
			continue
		}
		if want := q.Get("status"); want == "success" && d.Status != "OK" || want == "failure" && d.Status == "OK" {
			continue
		}
		if len(list) == size {
			q.Set("cursor", fmt.Sprintf("v1_%d", d.ID))
			header["Link"] = fmt.Sprintf(`<%s?%s>; rel="next"`, s.api("app/hook/deliveries"), q.Encode())
			break
		}
		list = append(list, s.deliveryJSON(d, false))
	}
	return answer{status: 200, body: list, header: header}
}

func (s *Server) getDelivery(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.sent {
		if d.ID == c.number("delivery_id") && d.App == c.actor.app.ID {
			return ok(s.deliveryJSON(d, true))
		}
	}
	return fail(404, "Not Found")
}

func (s *Server) redeliver(c *call) answer {
	if _, err := s.redeliverByID(c.number("delivery_id"), c.actor.app.ID); err != nil {
		return fail(404, "Not Found")
	}
	return answer{status: http.StatusAccepted, body: obj{}}
}
