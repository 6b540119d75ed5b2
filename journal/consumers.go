package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
)

// Consumer is a named reader of a component's events, whose place is kept for it.
type Consumer struct {
	Component jid.JID
	Owner     string // the address that its readers stand for
	Name      string
	Filter    string  // which events it gets; in a form of its writer's
	Cursor    int64   // Seq up to which all is acknowledged
	Done      []int64 // what is acknowledged beyond that
	Used      time.Time
}

// Consumers returns those of a component.
func (j *Journal) Consumers(ctx context.Context, component jid.JID) ([]Consumer, error) {
	if err := j.read(ctx); err != nil {
		return nil, err
	}
	rows, err := j.store.consumers(ctx, component.String())
	if err != nil {
		return nil, wrap(err)
	}
	list := make([]Consumer, len(rows))
	for i, r := range rows {
		list[i] = Consumer{Component: component, Owner: r.owner, Name: r.name, Filter: r.filter, Cursor: r.cursor, Used: time.UnixMilli(r.used)}
		if err := json.Unmarshal([]byte(r.done), &list[i].Done); err != nil {
			return nil, fmt.Errorf("journal: consumer %q: %w", r.name, err)
		}
	}
	return list, nil
}

// PutConsumers keeps consumers, new or changed, and returns when that is on disk. Errors are those of Flush.
func (j *Journal) PutConsumers(ctx context.Context, list ...Consumer) error {
	rows := make([]consumerRow, len(list))
	for i, c := range list {
		done, err := json.Marshal(c.Done)
		if err != nil {
			return fmt.Errorf("journal: consumer %q: %w", c.Name, err)
		}
		rows[i] = consumerRow{c.Component.String(), c.Owner, c.Name, c.Filter, c.Cursor, string(done), c.Used.UnixMilli()}
	}
	return j.request(ctx, func(c changes) error {
		for i := range rows {
			if err := c.putConsumer(rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropConsumer forgets a consumer, if there is one. Errors are those of Flush.
func (j *Journal) DropConsumer(ctx context.Context, component jid.JID, owner, name string) error {
	return j.request(ctx, func(c changes) error { return c.dropConsumer(component.String(), owner, name) })
}
