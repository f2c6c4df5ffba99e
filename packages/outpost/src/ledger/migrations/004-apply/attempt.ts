/**
 * What the apply procedure tries within one database transaction: a group set-based, or one transaction alone, each
 * in a subtransaction of its own and behind the fence.
 */
export const attemptSql = `
CREATE FUNCTION outpost.is_deterministic(p_sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_sqlstate <> '42501'
    AND (left(p_sqlstate, 2) IN ('22', '23', '42', '44', '54', '0A') OR p_sqlstate IN ('P0001', 'OP003', 'OP004', 'OP006', 'OP007', 'OP008', 'OP021'))
$$;

CREATE FUNCTION outpost.is_of_contact(p_sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  -- Codes that tell of the connection, the role or the server when the server itself raises them (N11). Out of a
  -- transaction's own statements (a missing grant, row-level security, a trigger, a foreign server, a lock that
  -- somebody holds) they tell of that transaction alone.
  SELECT left(p_sqlstate, 2) IN ('08', '28', '3D', '3F') OR left(p_sqlstate, 4) = '57P0'
    OR p_sqlstate IN ('25006', '42501', '55P03')
$$;

CREATE FUNCTION outpost.wait_shortly(p_locked integer) RETURNS void
LANGUAGE sql VOLATILE AS $$
  -- A lock was waited for in full before: whoever holds it may hold others, and what needs none must not wait for each.
  SELECT set_config('lock_timeout', '100ms', true) WHERE p_locked > 0
$$;

CREATE FUNCTION outpost.fence(p_site text, p_epoch uuid, p_term bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
-- The first statement of every transaction inside a CALL: a lock taken once is gone at the first COMMIT (N8).
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  IF current_setting('lock_timeout') = '0' THEN
    PERFORM set_config('lock_timeout', '10s', true);
  END IF;
  PERFORM pg_advisory_xact_lock_shared(hashtext('outpost.apply'), hashtext(p_site));
  PERFORM FROM outpost.site WHERE name = p_site AND epoch = p_epoch AND term = p_term FOR SHARE;
  RETURN FOUND;
END $$;

CREATE FUNCTION outpost.run_statement(p_text text, p_shape jsonb, p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE p_text USING p_rows;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count <> jsonb_array_length(p_rows) THEN
    -- An update of a row that is not there matches nothing and would count as success (E18).
    RAISE EXCEPTION '% of % changed % of % rows', p_shape->>'kind', p_shape->>'table', v_count, jsonb_array_length(p_rows)
      USING ERRCODE = 'OP003', DETAIL = left(p_rows::text, 500);
  END IF;
END $$;

CREATE FUNCTION outpost.apply_group(
  p_site text, p_epoch uuid, p_mark bigint, p_lineage uuid, p_shapes jsonb, p_texts text[], p_are_mergeable boolean[], p_group jsonb,
  p_schema bigint
) RETURNS timestamptz
LANGUAGE plpgsql AS $$
-- Answers when it was applied, or NULL when the transactions must go one by one; infinity when a lock was waited for in full.
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
  INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest, schema_version)
    SELECT (x->>0)::bigint, to_timestamp((x->>3)::double precision / 1000), v_at, p_epoch, (x->>1)::uuid, p_lineage, p_site,
           'applied', decode(x->>2, 'hex'), p_schema
    FROM jsonb_array_elements(p_group->'x') AS t(x);
  FOR v_run IN SELECT jsonb_array_elements(p_group->'r') LOOP
    v_shape := (v_run->>0)::integer;
    PERFORM outpost.run_statement(p_texts[v_shape + 1], p_shapes->v_shape, v_run->1);
  END LOOP;
  PERFORM outpost.check_schema(p_schema);
  RETURN v_at;
EXCEPTION WHEN OTHERS THEN
  RETURN CASE WHEN SQLSTATE = '55P03' THEN 'infinity'::timestamptz END;
END $$;

CREATE FUNCTION outpost.stored_outcome(p_site text, p_epoch uuid, p_mark bigint, p_transaction jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
-- What main already knows of this transaction, or NULL. A duplicate gets the stored outcome (E17).
DECLARE
  v_row outpost.ledger;
BEGIN
  SELECT * INTO v_row FROM outpost.ledger WHERE site = p_site AND transaction_id = (p_transaction->>1)::uuid;
  IF FOUND THEN
    RETURN jsonb_strip_nulls(jsonb_build_object(
      'o', v_row.outcome, 'at', v_row.applied_at, 'sqlstate', v_row.sqlstate, 'constraint', v_row.constraint_name,
      'detail', v_row.detail, 'message', v_row.message, 'lineage', v_row.lineage,
      'epoch', CASE WHEN v_row.epoch <> p_epoch THEN v_row.epoch END,
      'overruled', CASE WHEN EXISTS (
        SELECT FROM outpost.conflict WHERE site = p_site AND transaction_id = v_row.transaction_id AND lost <> '{}' AND NOT is_rejected
      ) THEN true END,
      'digestDiffers', CASE WHEN encode(v_row.digest, 'hex') <> p_transaction->>2 THEN true END
    ));
  END IF;
  IF EXISTS (
    SELECT FROM outpost.ledger WHERE site = p_site AND epoch = p_epoch AND seq = (p_transaction->>0)::bigint
  ) THEN
    RETURN '{"o": "taken"}';
  END IF;
  IF (p_transaction->>0)::bigint <= p_mark THEN
    RETURN jsonb_build_object('o', 'applied', 'at', clock_timestamp(), 'isPruned', true);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION outpost.apply_one(
  p_site text, p_epoch uuid, p_mark bigint, p_lineage uuid, p_shapes jsonb, p_texts text[], p_policies jsonb[], p_runs jsonb, p_transaction jsonb,
  p_is_last_attempt boolean, p_is_paused boolean, p_schema bigint
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  v_outcome jsonb := outpost.stored_outcome(p_site, p_epoch, p_mark, p_transaction);
  v_refs jsonb := p_transaction->6;
  v_decision jsonb := nullif(p_transaction->7, 'null');
  v_run jsonb;
  v_shape integer;
  v_text text;
  v_policy jsonb;
  v_is_overruled boolean;
  v_conflict jsonb;
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
    v_is_overruled := false;
    BEGIN
      v_at := clock_timestamp();
      INSERT INTO outpost.ledger (
        seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest, decision, replaces, reason, actor, schema_version
      ) VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
                (p_transaction->>1)::uuid, p_lineage, p_site, 'applied', decode(p_transaction->>2, 'hex'),
                v_decision->>'kind', (v_decision->'on'->>0)::uuid, v_decision->>'reason', v_decision->>'actor', p_schema);
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
        v_policy := p_policies[v_shape + 1];
        IF v_text IS NULL OR v_attempt = 2 THEN
          v_text := outpost.statement_of(p_shapes->v_shape);
          v_policy := outpost.policy_for(p_shapes->v_shape);
        END IF;
        IF v_policy IS NULL THEN
          PERFORM outpost.run_statement(v_text, p_shapes->v_shape, jsonb_build_array(v_run->1->(v_refs->>(2 * i + 1))::integer));
        ELSIF outpost.change_by_policy(
          v_policy, p_site, p_transaction, p_shapes->v_shape, v_text, v_run->1->(v_refs->>(2 * i + 1))::integer) THEN
          v_is_overruled := true;
        END IF;
      END LOOP;
      SET CONSTRAINTS ALL IMMEDIATE;
      PERFORM outpost.check_schema(p_schema);
      RETURN jsonb_build_object('o', 'applied', 'at', v_at) || CASE WHEN v_is_overruled THEN '{"overruled": true}' ELSE '{}' END::jsonb;
    EXCEPTION WHEN OTHERS THEN
      -- Whatever failed was made for another form of the tables: the site brings it again in the present one.
      IF p_schema <> outpost.schema_version() THEN
        RETURN '{"o": "schema"}';
      END IF;
      IF NOT outpost.is_deterministic(SQLSTATE) AND (v_shape IS NULL OR NOT outpost.is_of_contact(SQLSTATE)) THEN
        RAISE;
      END IF;
      GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_constraint = CONSTRAINT_NAME,
        v_detail = PG_EXCEPTION_DETAIL, v_message = MESSAGE_TEXT;
    END;
    -- The table may have changed since the text was made, so class 42 gets one try with a fresh text.
    EXIT WHEN left(v_state, 2) <> '42';
  END LOOP;
  IF v_state = 'OP006' THEN
    v_conflict := outpost.conflict_in(v_detail);
    v_detail := coalesce(outpost.conflict_text(v_conflict), v_detail);
  END IF;
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
     decision, replaces, reason, actor, schema_version)
    VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
            (p_transaction->>1)::uuid, p_lineage, p_site, 'rejected', decode(p_transaction->>2, 'hex'), v_state,
            nullif(v_constraint, ''), nullif(left(v_detail, 1000), ''), left(v_message, 1000),
            v_decision->>'kind', (v_decision->'on'->>0)::uuid, v_decision->>'reason', v_decision->>'actor', p_schema);
  IF v_conflict IS NOT NULL THEN
    PERFORM outpost.note_conflict(p_site, (p_transaction->>1)::uuid, v_conflict, true);
  END IF;
  RETURN v_outcome;
END $$;
`
