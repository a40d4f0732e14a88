"""The ledger's tables."""

from optimizer.ledger.imports import RULE, TABLE

SCHEMA_VERSION = 4

SCHEMA = f"""
{TABLE};
{RULE};
CREATE TABLE run (
    id TEXT PRIMARY KEY, schema_version INTEGER NOT NULL, created_at REAL NOT NULL, lock TEXT NOT NULL
);
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY, pid INTEGER NOT NULL, started_at REAL NOT NULL, seen_at REAL NOT NULL
);
CREATE TABLE candidates (
    id TEXT PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, parent TEXT, harness TEXT NOT NULL,
    normalised TEXT NOT NULL, title TEXT NOT NULL, hypothesis TEXT NOT NULL, evidence TEXT NOT NULL,
    fixes TEXT NOT NULL, at_risk TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE contracts (
    candidate TEXT PRIMARY KEY, refuted_by TEXT NOT NULL, lesson TEXT NOT NULL, lessons_used TEXT NOT NULL
);
CREATE TABLE proposals (
    slot INTEGER PRIMARY KEY, parent TEXT NOT NULL, brief TEXT NOT NULL, author TEXT NOT NULL,
    base TEXT NOT NULL, pivot INTEGER NOT NULL, after_attempt INTEGER NOT NULL, opened_at REAL NOT NULL
);
CREATE TABLE rebases (
    candidate TEXT PRIMARY KEY, parent TEXT NOT NULL, harness TEXT NOT NULL, concluded_at REAL NOT NULL
);
CREATE TABLE objections (
    slot INTEGER NOT NULL, digest TEXT NOT NULL, record TEXT NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL,
    unpriced INTEGER NOT NULL, concluded_at REAL NOT NULL, PRIMARY KEY (slot, digest)
);
CREATE TABLE slots (
    slot INTEGER PRIMARY KEY, candidate TEXT, reason TEXT NOT NULL, tokens INTEGER NOT NULL,
    cost_usd REAL, unpriced INTEGER NOT NULL, turns INTEGER NOT NULL, concluded_at REAL NOT NULL
);
CREATE TABLE trials (
    id TEXT PRIMARY KEY, slot INTEGER NOT NULL, parent TEXT NOT NULL, harness TEXT NOT NULL, setting TEXT NOT NULL,
    opened_at REAL NOT NULL, outcome TEXT, ended_at REAL
);
CREATE TABLE judgements (
    candidate TEXT NOT NULL, role TEXT NOT NULL, record TEXT NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL,
    unpriced INTEGER NOT NULL, concluded_at REAL NOT NULL, PRIMARY KEY (candidate, role)
);
CREATE TABLE digests (
    attempt TEXT PRIMARY KEY, slot INTEGER NOT NULL, record TEXT NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL,
    unpriced INTEGER NOT NULL, turns INTEGER NOT NULL, concluded_at REAL NOT NULL
);
CREATE TABLE attempts (
    number INTEGER PRIMARY KEY, candidate TEXT NOT NULL, harness TEXT NOT NULL, task TEXT NOT NULL,
    split TEXT NOT NULL, replicate INTEGER NOT NULL, purpose TEXT NOT NULL, stage TEXT NOT NULL,
    state TEXT NOT NULL, reserved_usd REAL NOT NULL DEFAULT 0, reward REAL, cause TEXT, detail TEXT NOT NULL DEFAULT '',
    tokens INTEGER NOT NULL DEFAULT 0, cost_usd REAL, unpriced INTEGER NOT NULL DEFAULT 0,
    duration_s REAL NOT NULL DEFAULT 0, turns INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0,
    parts TEXT, ended_at REAL,
    UNIQUE (harness, task, replicate)
);
CREATE INDEX attempts_by_stage ON attempts (stage);
CREATE INDEX attempts_by_candidate ON attempts (candidate, split);
CREATE TABLE passed (
    candidate TEXT NOT NULL, stage TEXT NOT NULL, record TEXT NOT NULL, concluded_at REAL NOT NULL,
    PRIMARY KEY (candidate, stage)
);
CREATE TABLE tests (
    number INTEGER PRIMARY KEY, candidate TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, level REAL NOT NULL,
    after_attempt INTEGER NOT NULL, reserved_at REAL NOT NULL
);
CREATE TABLE looks (
    candidate TEXT NOT NULL, stage INTEGER NOT NULL, outcome TEXT NOT NULL, record TEXT NOT NULL,
    looked_at REAL NOT NULL, PRIMARY KEY (candidate, stage)
);
CREATE TABLE verdicts (
    candidate TEXT PRIMARY KEY, verdict TEXT NOT NULL, cause TEXT NOT NULL, public TEXT NOT NULL,
    private TEXT NOT NULL, after_attempt INTEGER NOT NULL, decided_at REAL NOT NULL
);
CREATE TABLE reviews (
    candidate TEXT PRIMARY KEY, accepted INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
    given_at TEXT NOT NULL, entered_at REAL NOT NULL
);
CREATE TABLE conclusions (
    phase TEXT PRIMARY KEY, record TEXT NOT NULL, concluded_at REAL NOT NULL
);
CREATE TABLE bills (
    number INTEGER PRIMARY KEY, what TEXT NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL, unpriced INTEGER NOT NULL
);
CREATE TABLE incidents (
    role TEXT NOT NULL, who TEXT NOT NULL, candidate TEXT NOT NULL, kind TEXT NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (role, who, kind)
);
CREATE TABLE notices (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, noted_at REAL NOT NULL
);
CREATE TRIGGER verdicts_stand BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'a verdict stands'); END;
CREATE TRIGGER reviews_stand BEFORE UPDATE ON reviews BEGIN SELECT RAISE(ABORT, 'a review stands'); END;
CREATE TRIGGER tests_stand BEFORE UPDATE ON tests BEGIN SELECT RAISE(ABORT, 'a reserved level stands'); END;
CREATE TRIGGER trials_stand BEFORE UPDATE ON trials WHEN OLD.outcome IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a trial stands'); END;
CREATE TRIGGER scores_stand BEFORE UPDATE ON attempts WHEN OLD.state <> 'planned'
BEGIN SELECT RAISE(ABORT, 'a result stands'); END;
"""
