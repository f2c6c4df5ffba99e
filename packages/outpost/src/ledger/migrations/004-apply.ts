/**
 * The apply procedure: one CALL per batch.
 *
 * Payload: `{epochs: [uuid], shapes: [{kind, table, key, columns}], groups: [group], isRedriven, streaks}`.
 * A group: `{e: index of epoch, d: seqs outside that its transactions depend on, s: true when it must go one by one,
 * x: [[seq, id, digest, buffered at (epoch milliseconds), depends on, is last attempt, [run, row, run, row …]]],
 * r: [[index of shape, [row …]]]}`.
 *
 * A group is first tried set-based in one subtransaction and committed together. Any error sends its transactions
 * one by one through `apply_one`, so that poison is isolated (P5) while a healthy backlog drains at the speed of
 * multi-row statements. COMMIT stands only in the procedure itself: it has no SET clause and is SECURITY INVOKER,
 * since PostgreSQL refuses COMMIT otherwise (E19).
 */
export const applySql = `
CREATE FUNCTION outpost.is_deterministic(p_sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT p_sqlstate <> '42501'
    AND (left(p_sqlstate, 2) IN ('22', '23', '42', '44', '54', '0A') OR p_sqlstate IN ('P0001', 'OP003'))
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
  p_site text, p_epoch uuid, p_mark bigint, p_lineage uuid, p_shapes jsonb, p_texts text[], p_runs jsonb, p_transaction jsonb,
  p_is_last_attempt boolean, p_is_paused boolean
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  v_outcome jsonb := outpost.stored_outcome(p_site, p_epoch, p_mark, p_transaction);
  v_refs jsonb := p_transaction->6;
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
    BEGIN
      v_at := clock_timestamp();
      INSERT INTO outpost.ledger (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest)
        VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
                (p_transaction->>1)::uuid, p_lineage, p_site, 'applied', decode(p_transaction->>2, 'hex'));
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
      IF NOT outpost.is_deterministic(SQLSTATE) THEN
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
  -- While attempts are paused the row itself may be on its way from another site, as much as a row that it refers to;
  -- else an update of a missing row is an error that waiting will not cure (E18).
  IF (v_state = '23503' AND (p_is_paused OR NOT p_is_last_attempt)) OR (v_state = 'OP003' AND p_is_paused) THEN
    RETURN v_outcome || '{"o": "waiting"}';
  END IF;
  INSERT INTO outpost.ledger
    (seq, buffered_at, applied_at, epoch, transaction_id, lineage, site, outcome, digest, sqlstate, constraint_name, detail, message)
    VALUES ((p_transaction->>0)::bigint, to_timestamp((p_transaction->>3)::double precision / 1000), v_at, p_epoch,
            (p_transaction->>1)::uuid, p_lineage, p_site, 'rejected', decode(p_transaction->>2, 'hex'), v_state,
            nullif(v_constraint, ''), nullif(left(v_detail, 1000), ''), left(v_message, 1000));
  RETURN v_outcome;
END $$;

CREATE FUNCTION outpost.note_rejection(p_streaks jsonb, p_shape jsonb, p_sqlstate text, p_message text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
-- Counts rejections of one table, SQLSTATE and message, whatever succeeds elsewhere meanwhile (N11); the one that was
-- counted comes last, and the newest 20 are kept. Stored outcomes count as they did the first time: a resent batch
-- tells the same story. Which statement of a stored rejection failed is known only where it had one; else it counts
-- with its equals.
DECLARE
  v_streak jsonb := (
    SELECT s FROM jsonb_array_elements(p_streaks) s
    WHERE s->>'sqlstate' = p_sqlstate AND s->>'message' = p_message
      AND (s->'shape'->>'table' = p_shape->>'table') IS NOT FALSE LIMIT 1
  );
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(s ORDER BY o), '[]') FROM (
      SELECT s, o FROM jsonb_array_elements(p_streaks) WITH ORDINALITY x(s, o)
      WHERE s IS DISTINCT FROM v_streak ORDER BY o DESC LIMIT 19
    ) kept
  ) || jsonb_build_array(jsonb_build_object(
    'sqlstate', p_sqlstate, 'message', p_message, 'shape', coalesce(p_shape, v_streak->'shape', 'null'),
    'count', coalesce((v_streak->>'count')::integer, 0) + 1
  ));
END $$;

CREATE FUNCTION outpost.used_shapes(p_runs jsonb, p_transaction jsonb) RETURNS integer[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(DISTINCT (p_runs->p::integer->>0)::integer)
  FROM jsonb_array_elements_text(p_transaction->6) WITH ORDINALITY x(p, o) WHERE o % 2 = 1
$$;

CREATE FUNCTION outpost.end_streaks(p_streaks jsonb, p_shapes jsonb, p_used integer[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  -- A statement of the shape that was rejected has succeeded: main's schema is not at fault.
  SELECT coalesce(jsonb_agg(s ORDER BY o), '[]') FROM jsonb_array_elements(p_streaks) WITH ORDINALITY x(s, o)
  WHERE NOT EXISTS (SELECT FROM unnest(p_used) u WHERE p_shapes->u = s->'shape')
$$;

CREATE FUNCTION outpost.paused_by(p_lineage uuid, p_site text) RETURNS text[]
LANGUAGE sql STABLE AS $$
  -- After main was replaced, what a transaction refers to may still be on its way from these sites (N9). Not from its
  -- own: there order and dependencies say what comes first, and a site that waited for itself would wait for ever.
  SELECT coalesce(array_agg(s.name ORDER BY s.name), '{}') FROM outpost.lineage l, outpost.site s
  WHERE l.id = p_lineage AND l.previous IS NOT NULL AND NOT l.attempts_released
    AND s.redriven_lineage IS DISTINCT FROM l.id AND s.name <> p_site
$$;

CREATE PROCEDURE outpost.apply(
  p_site text, p_epoch uuid, p_term bigint, p_told_epoch uuid, p_told_seq bigint, p_lineage uuid, p_payload jsonb, INOUT p_result jsonb
)
LANGUAGE plpgsql AS $$
DECLARE
  v_sync text := current_setting('synchronous_commit');
  v_lineage uuid;
  v_shapes jsonb := p_payload->'shapes';
  v_groups jsonb := p_payload->'groups';
  v_epochs uuid[] := ARRAY(SELECT jsonb_array_elements_text(p_payload->'epochs')::uuid);
  v_marks bigint[];
  v_texts text[];
  v_are_mergeable boolean[];
  v_group jsonb;
  v_transaction jsonb;
  v_e integer;
  v_at timestamptz;
  v_outcome jsonb;
  v_outcomes jsonb[] := '{}';
  v_run jsonb;
  v_failed bigint[] := '{}';
  v_paused_by text[];
  v_must_fence boolean;
  v_streaks jsonb := coalesce(p_payload->'streaks', '[]');
  v_used integer[];
  v_stopped text;
  v_now timestamptz;
BEGIN
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is in recovery' USING ERRCODE = '25006';
  END IF;
  v_lineage := outpost.current_lineage();
  IF v_lineage IS DISTINCT FROM p_lineage THEN
    p_result := jsonb_build_object('kind', 'lineage', 'lineage', v_lineage);
    RETURN;
  END IF;
  IF p_told_seq IS NOT NULL AND NOT outpost.has_row(p_site, p_told_epoch, p_told_seq) THEN
    p_result := jsonb_build_object('kind', 'gap');
    RETURN;
  END IF;
  v_marks := ARRAY(
    SELECT coalesce((SELECT dropped_through FROM outpost.epoch WHERE site = p_site AND epoch = u.e), 0)
    FROM unnest(v_epochs) WITH ORDINALITY u(e, o) ORDER BY o
  );
  v_paused_by := outpost.paused_by(v_lineage, p_site);
  SELECT * INTO v_texts, v_are_mergeable FROM outpost.statements(v_shapes);

  <<groups>>
  FOR i IN 0..jsonb_array_length(v_groups) - 1 LOOP
    v_group := v_groups->i;
    v_e := (v_group->>'e')::integer + 1;
    IF NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    IF NOT v_group ? 's'
      AND (cardinality(v_failed) = 0 OR NOT v_failed && ARRAY(SELECT jsonb_array_elements_text(v_group->'d')::bigint)) THEN
      v_at := outpost.apply_group(p_site, v_epochs[v_e], v_marks[v_e], v_lineage, v_shapes, v_texts, v_are_mergeable, v_group);
      IF v_at IS NOT NULL THEN
        COMMIT;
        v_outcomes := array_append(v_outcomes, jsonb_build_object('g', i, 'o', 'applied', 'at', v_at));
        IF v_streaks <> '[]' THEN
          v_streaks := outpost.end_streaks(
            v_streaks, v_shapes, ARRAY(SELECT (r->>0)::integer FROM jsonb_array_elements(v_group->'r') r)
          );
        END IF;
        CONTINUE groups;
      END IF;
    END IF;

    v_must_fence := false;
    v_run := NULL;
    FOR j IN 0..jsonb_array_length(v_group->'x') - 1 LOOP
      v_transaction := v_group->'x'->j;
      IF cardinality(v_failed) > 0 AND v_failed && ARRAY(SELECT jsonb_array_elements_text(v_transaction->4)::bigint) THEN
        v_failed := array_append(v_failed, (v_transaction->>0)::bigint);
        v_outcome := '{"o": "parked"}';
      ELSE
        IF v_must_fence AND NOT outpost.fence(p_site, p_epoch, p_term) THEN
          v_stopped := 'fenced';
          EXIT groups;
        END IF;
        v_outcome := outpost.apply_one(
          p_site, v_epochs[v_e], v_marks[v_e], v_lineage, v_shapes, v_texts, v_group->'r', v_transaction,
          (v_transaction->>5)::boolean, cardinality(v_paused_by) > 0
        );
        COMMIT;
        v_must_fence := true;
        IF v_outcome->>'o' = 'taken' THEN
          v_stopped := 'taken';
          EXIT groups;
        END IF;
        IF v_outcome->>'o' <> 'applied' THEN
          v_failed := array_append(v_failed, (v_transaction->>0)::bigint);
        END IF;
        IF v_outcome->>'o' = 'rejected' AND left(v_outcome->>'sqlstate', 2) = '42' THEN
          v_used := outpost.used_shapes(v_group->'r', v_transaction);
          v_streaks := outpost.note_rejection(
            v_streaks, v_shapes->coalesce((v_outcome->>'shape')::integer, CASE cardinality(v_used) WHEN 1 THEN v_used[1] END),
            v_outcome->>'sqlstate', v_outcome->>'message'
          );
          IF (v_streaks->-1->>'count')::integer >= 10 THEN
            v_stopped := 'streak';
          END IF;
        ELSIF v_outcome->>'o' = 'applied' AND v_streaks <> '[]' AND NOT v_outcome ? 'isPruned' THEN
          -- Of a pruned one it is not known that anything succeeded.
          v_streaks := outpost.end_streaks(v_streaks, v_shapes, outpost.used_shapes(v_group->'r', v_transaction));
        END IF;
        v_outcome := v_outcome - 'shape';
      END IF;
      -- Neighbours that were simply applied answer as one entry, so that a resent batch answers in few bytes.
      IF v_run IS NOT NULL AND v_outcome ?& '{o,at}' AND v_outcome - 'at' - 'lineage' = '{"o": "applied"}'
        AND v_outcome->'lineage' IS NOT DISTINCT FROM v_run->'lineage' THEN
        v_run := v_run || jsonb_build_object('n', (v_run->>'n')::integer + 1, 'at', v_outcome->'at');
        v_outcomes[cardinality(v_outcomes)] := v_run;
      ELSE
        v_outcome := v_outcome || jsonb_build_object('g', i, 'x', j, 'n', 1);
        v_outcomes := array_append(v_outcomes, v_outcome);
        v_run := CASE WHEN v_outcome - 'at' - 'lineage' - 'g' - 'x' - 'n' = '{"o": "applied"}' THEN v_outcome END;
      END IF;
      EXIT groups WHEN v_stopped = 'streak';
    END LOOP;
  END LOOP;

  -- One synchronous commit that certainly writes: it flushes every asynchronous one before it (N7).
  IF v_stopped = 'fenced' OR NOT outpost.fence(p_site, p_epoch, p_term) THEN
    p_result := jsonb_build_object('kind', 'fenced', 'reason', 'term');
    RETURN;
  END IF;
  v_now := clock_timestamp();
  UPDATE outpost.site SET last_call_at = v_now,
      redriven_lineage = CASE WHEN (p_payload->>'isRedriven')::boolean THEN v_lineage ELSE redriven_lineage END
    WHERE name = p_site;
  INSERT INTO outpost.heartbeat (site, at) VALUES (p_site, v_now) ON CONFLICT (site) DO UPDATE SET at = excluded.at;
  PERFORM set_config('synchronous_commit', CASE v_sync WHEN 'off' THEN 'local' ELSE v_sync END, true);
  COMMIT;
  SELECT jsonb_build_object(
    'kind', 'done', 'stopped', v_stopped, 'taken', CASE WHEN v_stopped = 'taken' THEN v_epochs[v_e] END, 'outcomes', to_jsonb(v_outcomes), 'streaks', v_streaks,
    'flush', pg_current_wal_flush_lsn()::text, 'system', s.system_identifier, 'timeline', s.timeline, 'lineage', v_lineage,
    'pausedBy', to_jsonb(v_paused_by), 'now', v_now
  ) INTO p_result FROM outpost.server_identity() s;
END $$;

CREATE FUNCTION outpost.prune(p_site text, p_epoch uuid, p_term bigint, p_drops jsonb, p_limit integer DEFAULT 5000) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Forgets what the site has dropped, at most p_limit rows a call; true when nothing is left to do. Watermark and
-- rows move in one transaction: pruned rows would look like a gap and be applied again (N14).
DECLARE
  v_drop record;
  v_upto bigint;
  v_found bigint;
BEGIN
  IF NOT outpost.fence(p_site, p_epoch, p_term) THEN
    RETURN true;
  END IF;
  FOR v_drop IN SELECT (d->>'epoch')::uuid AS epoch, (d->>'through')::bigint AS through FROM jsonb_array_elements(p_drops) d LOOP
    SELECT max(seq), count(*) INTO v_upto, v_found FROM (
      SELECT seq FROM outpost.ledger WHERE site = p_site AND epoch = v_drop.epoch AND seq <= v_drop.through ORDER BY seq LIMIT p_limit
    ) l;
    IF v_found < p_limit THEN
      v_upto := v_drop.through;
    END IF;
    INSERT INTO outpost.epoch AS e (site, epoch, ended_at, dropped_through) VALUES (p_site, v_drop.epoch, clock_timestamp(), v_upto)
      ON CONFLICT (site, epoch) DO UPDATE SET dropped_through = greatest(e.dropped_through, excluded.dropped_through);
    DELETE FROM outpost.ledger WHERE site = p_site AND epoch = v_drop.epoch AND seq <= v_upto;
    IF v_found = p_limit THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;

CREATE FUNCTION outpost.forget_answers(p_limit integer DEFAULT 5000) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Answers of writes that went straight to main are kept for 7 days (N22); at most p_limit go in a call. True when
-- nothing is left to do. A lost deletion is made again, so it does not wait for a disk.
DECLARE
  v_deleted integer;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM outpost.idempotency WHERE (scope, key) IN (
    SELECT scope, key FROM outpost.idempotency WHERE at < clock_timestamp() - interval '7 days' ORDER BY at LIMIT p_limit
  );
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted < p_limit;
END $$;
`
