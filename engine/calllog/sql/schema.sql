-- SPDX-License-Identifier: Apache-2.0
-- The call log's schema, as numbered migrations. How to change it: README.md beside this file.
-- Times are UTC text of one form (2026-01-31T08:15:30.123Z), which sorts as time does. Numbers of callers are masked.

-- migration 1: calls, turns, events, webhooks, operator acts

-- How far each run of each journal is stored. Written in the transaction that stores the entries.
CREATE TABLE journals (
    run_id          TEXT PRIMARY KEY,
    journal_id      TEXT NOT NULL,
    stored_through  BIGINT NOT NULL
);

CREATE TABLE calls (
    call_id         TEXT PRIMARY KEY,
    run_id          TEXT NOT NULL,
    started_at      TEXT NOT NULL,
    from_number     TEXT,
    to_number       TEXT,
    direction       TEXT,
    language        TEXT,
    account_sid     TEXT,
    stream_sid      TEXT,
    stt             TEXT,
    llm             TEXT,
    tts             TEXT,
    started_data    TEXT,
    ended_at        TEXT,
    end_reason      TEXT,
    duration_ms     BIGINT,
    turn_count      INTEGER,
    ended_data      TEXT
);
CREATE INDEX calls_by_start ON calls (started_at, call_id);
CREATE INDEX calls_open ON calls (run_id) WHERE ended_at IS NULL;

CREATE TABLE turns (
    call_id         TEXT NOT NULL REFERENCES calls (call_id),
    turn_number     INTEGER NOT NULL,
    run_id          TEXT NOT NULL,
    entry_number    BIGINT NOT NULL,
    at              TEXT NOT NULL,
    input           TEXT NOT NULL,
    caller_text     TEXT NOT NULL,
    confidence      DOUBLE PRECISION NOT NULL,
    agent_text      TEXT NOT NULL,
    heard_text      TEXT NOT NULL,
    interrupted     INTEGER NOT NULL,
    fallback        INTEGER NOT NULL,
    end_of_utterance_ms BIGINT,
    recognition_ms  BIGINT,
    thinking_ms     BIGINT,
    synthesis_ms    BIGINT,
    total_ms        BIGINT,
    PRIMARY KEY (call_id, turn_number)
);

CREATE TABLE events (
    run_id          TEXT NOT NULL,
    entry_number    BIGINT NOT NULL,
    call_id         TEXT REFERENCES calls (call_id),
    at              TEXT NOT NULL,
    token           TEXT NOT NULL,
    data            TEXT NOT NULL,
    PRIMARY KEY (run_id, entry_number)
);
CREATE INDEX events_by_call ON events (call_id, run_id, entry_number);

-- A webhook may belong to a call that never became one, so its call_id points nowhere in particular.
CREATE TABLE webhooks (
    run_id          TEXT NOT NULL,
    entry_number    BIGINT NOT NULL,
    call_id         TEXT,
    at              TEXT NOT NULL,
    path            TEXT NOT NULL,
    status          INTEGER,
    data            TEXT NOT NULL,
    PRIMARY KEY (run_id, entry_number)
);
CREATE INDEX webhooks_by_call ON webhooks (call_id);

CREATE TABLE operator_acts (
    run_id          TEXT NOT NULL,
    entry_number    BIGINT NOT NULL,
    call_id         TEXT,
    at              TEXT NOT NULL,
    operator_name   TEXT NOT NULL,
    act             TEXT NOT NULL,
    data            TEXT NOT NULL,
    PRIMARY KEY (run_id, entry_number)
);
CREATE INDEX operator_acts_by_call ON operator_acts (call_id);

-- migration 2: the parts of a turn's wait, each with its owner

-- What was called thinking went to the first sentence; of old turns the first token is not known.
ALTER TABLE turns RENAME COLUMN thinking_ms TO first_sentence_ms;
ALTER TABLE turns RENAME COLUMN synthesis_ms TO first_audio_ms;
ALTER TABLE turns ADD COLUMN first_token_ms BIGINT;
ALTER TABLE turns ADD COLUMN playout_ms BIGINT;
UPDATE turns SET playout_ms = total_ms - COALESCE(end_of_utterance_ms, 0) - COALESCE(recognition_ms, 0)
    - COALESCE(first_sentence_ms, 0) - COALESCE(first_audio_ms, 0)
    WHERE total_ms >= COALESCE(end_of_utterance_ms, 0) + COALESCE(recognition_ms, 0) + COALESCE(first_sentence_ms, 0)
    + COALESCE(first_audio_ms, 0);
ALTER TABLE turns ADD COLUMN end_of_utterance_by TEXT;
ALTER TABLE turns ADD COLUMN recognition_by TEXT;
ALTER TABLE turns ADD COLUMN first_token_by TEXT;
ALTER TABLE turns ADD COLUMN first_sentence_by TEXT;
ALTER TABLE turns ADD COLUMN first_audio_by TEXT;
ALTER TABLE turns ADD COLUMN playout_by TEXT;
-- The wait ended with a waiting line, not with the answer.
ALTER TABLE turns ADD COLUMN filler INTEGER NOT NULL DEFAULT 0;

-- migration 3: requests, as the request inspector keeps them

-- One row a request; an upgraded connection's is written again when it is over. The oldest go when there are too many.
CREATE TABLE requests (
    request_id      TEXT PRIMARY KEY,
    run_id          TEXT NOT NULL,
    entry_number    BIGINT NOT NULL,
    call_id         TEXT,
    at              TEXT NOT NULL,
    kind            TEXT NOT NULL,
    path            TEXT NOT NULL,
    status          INTEGER NOT NULL,
    data            TEXT NOT NULL
);
CREATE INDEX requests_by_time ON requests (at, request_id);
CREATE INDEX requests_by_call ON requests (call_id, at);
