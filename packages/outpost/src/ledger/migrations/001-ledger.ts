/**
 * The tables on main. A ledger row commits in the same database transaction as the writes that it stands for, so
 * it is the only authority on what took effect (N1). Rows are immutable: no role but the owner may update them.
 *
 * Row-level security binds every table to `outpost.site.role_name`, so that one site's credentials can neither
 * write another site's ledger nor lock or fence its site row, nor read what main said of its rows. Names, epochs and
 * beats of the sites are open to all of them. The owner and superusers are not bound.
 */
export const ledgerSql = `
CREATE TABLE outpost.lineage (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  ordinal bigint NOT NULL UNIQUE,
  system_identifier text NOT NULL,
  timeline integer NOT NULL,
  previous uuid REFERENCES outpost.lineage (id),
  lsn pg_lsn NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts_released boolean NOT NULL DEFAULT false,
  UNIQUE (system_identifier, timeline)
);
COMMENT ON TABLE outpost.lineage IS
  'One random row per (system identifier, timeline), written at first contact: tells servers apart that were promoted separately (N4).';

CREATE TABLE outpost.site (
  name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
  role_name name NOT NULL DEFAULT current_user,
  epoch uuid,
  term bigint NOT NULL DEFAULT 0,
  hello_at timestamptz,
  last_call_at timestamptz,
  whole_call bigint,
  redriven_lineage uuid
);
COMMENT ON TABLE outpost.site IS
  'One row per site: the life of its journal that may write (epoch) and the applier that may send (term), both read FOR SHARE by every transaction (N8).';

COMMENT ON COLUMN outpost.site.whole_call IS
  'Number of the last CALL of this term, if it applied all that it carried: the one that was sent behind it counts on that.';

CREATE TABLE outpost.epoch (
  site text NOT NULL REFERENCES outpost.site (name) ON UPDATE CASCADE,
  epoch uuid NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  dropped_through bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (site, epoch)
);
COMMENT ON COLUMN outpost.epoch.dropped_through IS
  'Ledger rows up to this seq were pruned after the site dropped them: they count as present (N14).';

CREATE TABLE outpost.ledger (
  seq bigint NOT NULL,
  buffered_at timestamptz NOT NULL,
  applied_at timestamptz NOT NULL,
  epoch uuid NOT NULL,
  transaction_id uuid NOT NULL,
  lineage uuid NOT NULL,
  site text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('applied', 'rejected')),
  digest bytea NOT NULL,
  sqlstate text,
  constraint_name text,
  detail text,
  message text,
  decision text CHECK (decision IN ('replay', 'edit', 'resolve', 'discard')),
  replaces uuid,
  reason text,
  actor text,
  schema_version bigint,
  PRIMARY KEY (site, epoch, seq),
  -- Not led by the site: without statistics that would look as good for finding a seq, and read every row of the site.
  UNIQUE (transaction_id, site)
);
COMMENT ON COLUMN outpost.ledger.schema_version IS 'Version of the application''s schema (outpost.schema_change) that it was applied under; NULL where the site did not tell.';
COMMENT ON COLUMN outpost.ledger.replaces IS 'The dead letter that this decision is about; its own row stays as it was (N3).';

CREATE TABLE outpost.decided (
  site text NOT NULL,
  transaction_id uuid NOT NULL,
  decided_by uuid NOT NULL,
  PRIMARY KEY (site, transaction_id),
  FOREIGN KEY (decided_by, site) REFERENCES outpost.ledger (transaction_id, site) ON DELETE CASCADE
);
CREATE INDEX decided_by ON outpost.decided (decided_by, site);
COMMENT ON TABLE outpost.decided IS
  'Which transactions an applied decision is about: each is decided on once, and never applied afterwards. A row goes with the ledger row of its decision.';

CREATE TABLE outpost.heartbeat (
  site text PRIMARY KEY REFERENCES outpost.site (name) ON UPDATE CASCADE,
  at timestamptz NOT NULL
);

CREATE TABLE outpost.idempotency (
  site text NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  request_digest text NOT NULL,
  status integer NOT NULL,
  body jsonb,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (site, scope, key)
);
CREATE INDEX idempotency_at ON outpost.idempotency (at);
COMMENT ON TABLE outpost.idempotency IS 'Answers of writes that go straight to main, committed together with them (N5).';

ALTER TABLE outpost.site ENABLE ROW LEVEL SECURITY;
CREATE POLICY site_read ON outpost.site FOR SELECT USING (true);
CREATE POLICY site_write ON outpost.site FOR UPDATE USING (role_name = current_user) WITH CHECK (role_name = current_user);

ALTER TABLE outpost.epoch ENABLE ROW LEVEL SECURITY;
CREATE POLICY epoch_read ON outpost.epoch FOR SELECT USING (true);
CREATE POLICY epoch_insert ON outpost.epoch FOR INSERT
  WITH CHECK (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));
CREATE POLICY epoch_update ON outpost.epoch FOR UPDATE
  USING (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));

ALTER TABLE outpost.heartbeat ENABLE ROW LEVEL SECURITY;
CREATE POLICY heartbeat_read ON outpost.heartbeat FOR SELECT USING (true);
CREATE POLICY heartbeat_insert ON outpost.heartbeat FOR INSERT
  WITH CHECK (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));
CREATE POLICY heartbeat_update ON outpost.heartbeat FOR UPDATE
  USING (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));

ALTER TABLE outpost.ledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY ledger_read ON outpost.ledger FOR SELECT
  USING (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));
CREATE POLICY ledger_insert ON outpost.ledger FOR INSERT
  WITH CHECK (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));
CREATE POLICY ledger_prune ON outpost.ledger FOR DELETE
  USING (
    site IN (SELECT name FROM outpost.site WHERE role_name = current_user)
    AND seq <= (SELECT e.dropped_through FROM outpost.epoch e WHERE e.site = ledger.site AND e.epoch = ledger.epoch)
  );

ALTER TABLE outpost.decided ENABLE ROW LEVEL SECURITY;
CREATE POLICY decided_read ON outpost.decided FOR SELECT
  USING (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));
CREATE POLICY decided_insert ON outpost.decided FOR INSERT
  WITH CHECK (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));

ALTER TABLE outpost.idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY idempotency_own ON outpost.idempotency
  USING (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));

CREATE FUNCTION outpost.covers(p_lineage uuid, p_site text, p_epoch uuid, p_seq bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- With the rights of its owner: a token names rows of other sites, of which nobody but they may read more than this.
-- Parallel safe on purpose: a merged read must not lose its parallel plan to the proof.
-- STABLE on purpose: it looks with the snapshot of the statement that calls it, so that proof and rows are of one moment.
BEGIN
  IF p_lineage IS NOT NULL AND NOT EXISTS (SELECT FROM outpost.lineage WHERE id = p_lineage) THEN
    RAISE EXCEPTION 'this server does not descend from the current main (lineage %)', p_lineage USING ERRCODE = 'OP001';
  END IF;
  IF p_seq IS NOT NULL
    AND NOT EXISTS (SELECT FROM outpost.ledger WHERE site = p_site AND epoch = p_epoch AND seq = p_seq)
    AND NOT EXISTS (SELECT FROM outpost.epoch WHERE site = p_site AND epoch = p_epoch AND dropped_through >= p_seq) THEN
    RAISE EXCEPTION 'this server lacks transaction % of site %', p_seq, p_site USING ERRCODE = 'OP002';
  END IF;
  RETURN true;
END $$;
`
