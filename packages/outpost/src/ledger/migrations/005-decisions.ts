/**
 * What operators decide about dead letters (N3). A decision is a transaction of its own: its ledger row names what it
 * replaces, why and by whom, and `outpost.decided` has a row for each transaction that it decides on.
 *
 * Main looks at both ends, because two processes or two copies of a journal may not know of each other: a decision about
 * what was applied after all is rejected, and so is what was decided on and comes again later (`OP004`).
 *
 * Beside the numbers that 004 names, a transaction of the payload may end with its decision:
 * `{kind, on: [id of the dead letter, ids of its cone …], reason, actor}`; such a one stands in a group that goes alone.
 */
export const decisionsSql = `
ALTER TABLE outpost.ledger
  ADD COLUMN decision text CHECK (decision IN ('replay', 'edit', 'resolve', 'discard')),
  ADD COLUMN replaces uuid,
  ADD COLUMN reason text,
  ADD COLUMN actor text;
COMMENT ON COLUMN outpost.ledger.replaces IS 'The dead letter that this decision is about; its own row stays as it was (N3).';

CREATE TABLE outpost.decided (
  site text NOT NULL,
  transaction_id uuid NOT NULL,
  decided_by uuid NOT NULL,
  PRIMARY KEY (site, transaction_id),
  FOREIGN KEY (site, decided_by) REFERENCES outpost.ledger (site, transaction_id) ON DELETE CASCADE
);
CREATE INDEX decided_by ON outpost.decided (site, decided_by);
COMMENT ON TABLE outpost.decided IS
  'Which transactions an applied decision is about: each is decided on once, and never applied afterwards. A row goes with the ledger row of its decision.';

ALTER TABLE outpost.decided ENABLE ROW LEVEL SECURITY;
CREATE POLICY decided_read ON outpost.decided FOR SELECT USING (true);
CREATE POLICY decided_insert ON outpost.decided FOR INSERT
  WITH CHECK (site IN (SELECT name FROM outpost.site WHERE role_name = current_user));

-- Sites that were granted before this migration need the new table, too.
DO $$
DECLARE
  v_role name;
BEGIN
  FOR v_role IN SELECT DISTINCT s.role_name FROM outpost.site s JOIN pg_roles r ON r.rolname = s.role_name LOOP
    EXECUTE format('GRANT SELECT, INSERT ON outpost.decided TO %I', v_role);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION outpost.is_deterministic(p_sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_sqlstate <> '42501'
    AND (left(p_sqlstate, 2) IN ('22', '23', '42', '44', '54', '0A') OR p_sqlstate IN ('P0001', 'OP003', 'OP004'))
$$;

CREATE FUNCTION outpost.is_of_contact(p_sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  -- Codes that tell of the connection, the role or the server when the server itself raises them (N11). Out of a
  -- transaction's own statements (a missing grant, row-level security, a trigger, a foreign server) they tell of that
  -- transaction alone.
  SELECT left(p_sqlstate, 2) IN ('08', '28', '3D', '3F') OR left(p_sqlstate, 4) = '57P0' OR p_sqlstate IN ('25006', '42501')
$$;

CREATE FUNCTION outpost.refuse_decided(p_site text, p_id uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RAISE EXCEPTION 'transaction % was decided on before it came: see transaction %', p_id,
    (SELECT decided_by FROM outpost.decided WHERE site = p_site AND transaction_id = p_id) USING ERRCODE = 'OP004';
END $$;

CREATE FUNCTION outpost.note_decision(p_site text, p_id uuid, p_decision jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_ids uuid[] := ARRAY(SELECT jsonb_array_elements_text(p_decision->'on')::uuid);
  v_applied uuid;
  v_row outpost.decided;
BEGIN
  SELECT transaction_id INTO v_applied FROM outpost.ledger
  WHERE site = p_site AND transaction_id = ANY (v_ids) AND outcome = 'applied' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transaction % was applied after all', v_applied USING ERRCODE = 'OP004';
  END IF;
  SELECT * INTO v_row FROM outpost.decided WHERE site = p_site AND transaction_id = ANY (v_ids) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transaction % was decided on before: see transaction %', v_row.transaction_id, v_row.decided_by
      USING ERRCODE = 'OP004';
  END IF;
  INSERT INTO outpost.decided (site, transaction_id, decided_by) SELECT p_site, id, p_id FROM unnest(v_ids) id;
END $$;

CREATE OR REPLACE FUNCTION outpost.apply_group(
  p_site text, p_epoch uuid, p_mark bigint, p_lineage uuid, p_shapes jsonb, p_texts text[], p_are_mergeable boolean[], p_group jsonb
) RETURNS timestamptz
LANGUAGE plpgsql AS $$
-- Answers when it was applied, or NULL when the transactions must go one by one.
DECLARE
  v_run jsonb;
  v_shape integer;
  v_at timestamptz := clock_timestamp();
BEGIN
  IF p_mark > 0 AND (p_group->'x'->0->>0)::bigint <= p_mark THEN
    RETURN NULL;
  END IF;
  FOR v_run IN SELECT jsonb_array_elements(p_group->'r') LOOP
    IF NOT p_are_mergeable[(v_run->>0)::integer + 1] THEN
      RETURN NULL;
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM outpost.decided WHERE site = p_site) AND EXISTS (
    SELECT FROM jsonb_array_elements(p_group->'x') AS t(x)
    JOIN outpost.decided d ON d.site = p_site AND d.transaction_id = (t.x->>1)::uuid
  ) THEN
    RETURN NULL;
  END IF;
  -- Immediate from the start: a transaction that needs a constraint deferred to its own end fails here and then
  -- goes alone; deferred to the end of the group, a later transaction could heal what must be rejected.
  SET CONSTRAINTS ALL IMMEDIATE;
  INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
    SELECT (x->>0)::bigint, to_timestamp((x->>3)::double precision / 1000), v_at, p_epoch, (x->>1)::uuid, p_lineage, p_site,
           'applied', decode(x->>2, 'hex')
    FROM jsonb_array_elements(p_group->'x') AS t(x);
  FOR v_run IN SELECT jsonb_array_elements(p_group->'r') LOOP
    v_shape := (v_run->>0)::integer;
    PERFORM outpost.run_statement(p_texts[v_shape + 1], p_shapes->v_shape, v_run->1);
  END LOOP;
  RETURN v_at;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION outpost.apply_one(
  p_site text, p_epoch uuid, p_mark bigint, p_lineage uuid, p_shapes jsonb, p_texts text[], p_runs jsonb, p_transaction jsonb,
  p_is_last_attempt boolean, p_is_paused boolean
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  v_outcome jsonb := outpost.stored_outcome(p_site, p_epoch, p_mark, p_transaction);
  v_refs jsonb := p_transaction->6;
  v_decision jsonb := p_transaction->7;
  v_run jsonb;
  v_shape integer;
  v_text text;
  v_at timestamptz;
  v_state text;
  v_constraint text;
  v_detail text;
  v_message text;
BEGIN
  IF v_outcome IS NOT NULL THEN
    RETURN v_outcome;
  END IF;
  FOR v_attempt IN 1..2 LOOP
    v_shape := NULL;
    BEGIN
      v_at := clock_timestamp();
      INSERT INTO outpost.ledger (
        seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest, decision, replaces, reason, actor
      ) VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
                (p_transaction->>1)::uuid, p_lineage, p_site, 'applied', decode(p_transaction->>2, 'hex'),
                v_decision->>'kind', (v_decision->'on'->>0)::uuid, v_decision->>'reason', v_decision->>'actor');
      IF EXISTS (SELECT FROM outpost.decided WHERE site = p_site AND transaction_id = (p_transaction->>1)::uuid) THEN
        PERFORM outpost.refuse_decided(p_site, (p_transaction->>1)::uuid);
      END IF;
      IF v_decision IS NOT NULL THEN
        PERFORM outpost.note_decision(p_site, (p_transaction->>1)::uuid, v_decision);
      END IF;
      FOR i IN 0..jsonb_array_length(v_refs) / 2 - 1 LOOP
        v_run := p_runs->(v_refs->>(2 * i))::integer;
        v_shape := (v_run->>0)::integer;
        v_text := p_texts[v_shape + 1];
        IF v_text IS NULL OR v_attempt = 2 THEN
          v_text := outpost.statement_of(p_shapes->v_shape);
        END IF;
        PERFORM outpost.run_statement(v_text, p_shapes->v_shape, jsonb_build_array(v_run->1->(v_refs->>(2 * i + 1))::integer));
      END LOOP;
      SET CONSTRAINTS ALL IMMEDIATE;
      RETURN jsonb_build_object('o', 'applied', 'at', v_at);
    EXCEPTION WHEN OTHERS THEN
      IF NOT outpost.is_deterministic(SQLSTATE) AND (v_shape IS NULL OR NOT outpost.is_of_contact(SQLSTATE)) THEN
        RAISE;
      END IF;
      GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_constraint = CONSTRAINT_NAME,
        v_detail = PG_EXCEPTION_DETAIL, v_message = MESSAGE_TEXT;
    END;
    -- The table may have changed since the text was made, so class 42 gets one try with a fresh text.
    EXIT WHEN left(v_state, 2) <> '42';
  END LOOP;
  v_outcome := jsonb_strip_nulls(jsonb_build_object(
    'o', 'rejected', 'at', v_at, 'sqlstate', v_state, 'constraint', nullif(v_constraint, ''),
    'detail', nullif(left(v_detail, 1000), ''), 'message', left(v_message, 1000), 'shape', v_shape
  ));
  IF NOT outpost.is_deterministic(v_state) THEN
    -- Nobody may say that it never will be: no ledger row, and the others go on (P5).
    RETURN v_outcome || '{"o": "stuck"}';
  END IF;
  -- While attempts are paused the row itself may be on its way from another site, as much as a row that it refers to;
  -- else an update of a missing row is an error that waiting will not cure (E18).
  IF (v_state = '23503' AND (p_is_paused OR NOT p_is_last_attempt)) OR (v_state = 'OP003' AND p_is_paused) THEN
    RETURN v_outcome || '{"o": "waiting"}';
  END IF;
  INSERT INTO outpost.ledger
    (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest, sqlstate, constraint_name, detail, message,
     decision, replaces, reason, actor)
    VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
            (p_transaction->>1)::uuid, p_lineage, p_site, 'rejected', decode(p_transaction->>2, 'hex'), v_state,
            nullif(v_constraint, ''), nullif(left(v_detail, 1000), ''), left(v_message, 1000),
            v_decision->>'kind', (v_decision->'on'->>0)::uuid, v_decision->>'reason', v_decision->>'actor');
  RETURN v_outcome;
END $$;
`
