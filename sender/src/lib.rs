//! hooklab's sender: webhooks, events, signatures, deliveries and their log.
