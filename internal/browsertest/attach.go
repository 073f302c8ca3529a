// Package browsertest is what the tests in a browser share.
package browsertest

import (
	"context"
	"errors"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long a window may have no document to attach to.
const patience = 20 * time.Second

// Attach takes over a window that a page opened. Until its first page has come the window has
// moments without a document, in which Chromium refuses to be attached to; Attach tries again.
// Its context ends with parent and closes the window.
func Attach(parent context.Context, id target.ID, options ...chromedp.ContextOption) (context.Context, context.CancelFunc, error) {
	options = append(options, chromedp.WithTargetID(id))
	for begun := time.Now(); ; {
		ctx, cancel := chromedp.NewContext(parent, options...)
		err := chromedp.Do(ctx)
		if err == nil {
			return ctx, cancel, nil
		}
		again := isBetweenDocuments(err) && time.Since(begun) < patience
		if again {
			chromedp.WithDetachOnCancel()(chromedp.FromContext(ctx)) // the window stays
		}
		cancel()
		if !again {
			return nil, nil, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// isBetweenDocuments reports an error of the server (-32000), such as "Cannot find default
// execution context" and "Inspected target navigated or closed". A window that is gone is
// another: there is no target with its id.
func isBetweenDocuments(err error) bool {
	var refused *cdproto.Error
	return errors.As(err, &refused) && refused.Code == -32000
}
