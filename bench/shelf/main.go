// Shelf is a webhook receiver that does the least that may be acknowledged: it checks
// the signature, and answers once the body is on the disk, where bodies that come
// together share one wait. It is what the door is measured beside.
//
//	shelf ADDRESS SECRET FILE
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shelf:", err)
		os.Exit(1)
	}
}

// parcel is a body on its way to the disk.
type parcel struct {
	body []byte
	done chan error
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: shelf ADDRESS SECRET FILE")
	}
	file, err := os.Create(args[2])
	if err != nil {
		return err
	}
	parcels := make(chan parcel, 256)
	go shelve(file, parcels)
	return http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(args[1]))
		mac.Write(body)
		if err != nil || r.Header.Get("X-Hub-Signature-256") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p := parcel{body, make(chan error, 1)}
		parcels <- p
		if <-p.done != nil {
			w.WriteHeader(http.StatusInsufficientStorage)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"status":"accepted"}`)
	}))
}

// shelve writes what has come, waits for the disk, and tells all of them.
func shelve(file *os.File, parcels <-chan parcel) {
	for first := range parcels {
		batch := []parcel{first}
		for len(parcels) > 0 {
			batch = append(batch, <-parcels)
		}
		var err error
		for _, p := range batch {
			if _, wrong := file.Write(p.body); wrong != nil {
				err = wrong
			}
		}
		if wrong := file.Sync(); wrong != nil {
			err = wrong
		}
		for _, p := range batch {
			p.done <- err
		}
	}
}
