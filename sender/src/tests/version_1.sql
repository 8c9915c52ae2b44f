CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    event TEXT NOT NULL,
    profile TEXT NOT NULL,
    secret TEXT,
    active INTEGER NOT NULL,
    integration TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    last_at INTEGER,
    last_ok INTEGER,
    last_told TEXT,
    deactivated_because TEXT
) STRICT;
CREATE INDEX webhook_event ON webhook (event) WHERE active = 1;
CREATE TABLE event (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seed INTEGER,
    payload TEXT NOT NULL
) STRICT;
CREATE TABLE delivery (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event_id TEXT NOT NULL REFERENCES event (id),
    event TEXT NOT NULL,
    webhook INTEGER NOT NULL,
    target TEXT NOT NULL,
    profile TEXT NOT NULL,
    test INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'pending';
CREATE INDEX delivery_webhook ON delivery (webhook);
CREATE INDEX delivery_event ON delivery (event);
CREATE INDEX delivery_state ON delivery (state);
CREATE TABLE attempt (
    delivery INTEGER NOT NULL REFERENCES delivery (row),
    n INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) STRICT;

INSERT INTO webhook (name, url, event, profile, secret, active, integration, count, created_at,
    modified_at) VALUES ('Orders', 'http://127.0.0.1:PORT/orders', 'payment_received',
    'standard-webhooks', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 1, 'manual', 2,
    1790000000000000, 1790000000000000);
INSERT INTO event (id, type, created_at, seed, payload) VALUES
    ('evt_1', 'payment_received', 1790000000000000, 7, '{"payment_id":1}'),
    ('evt_2', 'payment_received', 1790000001000000, NULL, '{"payment_id":2}'),
    ('evt_3', 'payment_received', 1790000002000000, 8, '{"payment_id":3}');
INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, state, created_at,
    due_at, attempts) VALUES
    ('019b0000-0000-7000-8000-000000000001', 'evt_1', 'payment_received', 1,
     'http://127.0.0.1:PORT/orders', 'standard-webhooks', 0, 'exhausted', 1790000000000000,
     1790000000000000, 1),
    ('019b0000-0000-7000-8000-000000000002', 'evt_2', 'payment_received', 1,
     'http://127.0.0.1:PORT/orders', 'standard-webhooks', 0, 'delivered', 1790000001000000,
     1790000001000000, 1),
    ('019b0000-0000-7000-8000-000000000003', 'evt_3', 'payment_received', 1,
     'http://127.0.0.1:PORT/orders', 'standard-webhooks', 0, 'pending', 1790000002000000,
     1790000002000000, 0);
INSERT INTO attempt (delivery, n, document) VALUES (1, 1, '{"n":1,
    "at":"2026-09-21T14:13:20.000000Z",
    "request":{"method":"POST","url":"http://127.0.0.1:1/","headers":[],
        "body":{"size":2,"sha256":"","text":"{}"}},
    "response":null,
    "phases":{"dns_us":null,"connect_us":null,"tls_us":null,"first_byte_us":null,"body_us":null,
        "total_us":9},
    "outcome":{"kind":"failed","phase":"connect","cause":"connection refused","hint":"x"}}');
PRAGMA user_version = 1;
