/**
 * The apply procedure: one CALL per batch.
 *
 * Payload: `{epochs: [uuid], shapes: [{kind, table, key, columns, seen}], groups: [group], isRedriven, streaks,
 * number, after, schema: version of the application's schema that the operations were made or lifted for,
 * schemaId: its id}`.
 * A group: `{e: index of epoch, d: seqs outside that its transactions depend on, s: true when it must go one by one,
 * x: [[seq, id, digest, buffered at (epoch milliseconds), depends on, is last attempt, [run, row, run, row …]]],
 * r: [[index of shape, [row …]]]}`. A transaction that decides on dead letters ends with its decision,
 * `{kind, on: [id of the dead letter, ids of its cone …], reason, actor}`, and stands in a group that goes one by one.
 * Behind that (null where there is none) stands its hybrid logical clock, where a last writer is looked for. A row's values
 * are those of the key, of the columns, and then what the client saw.
 *
 * A group is first tried set-based in one subtransaction and committed together. Any error sends its transactions
 * one by one through `apply_one`, so that poison is isolated (P5) while a healthy backlog drains at the speed of
 * multi-row statements. COMMIT stands only in the procedure itself: it has no SET clause and is SECURITY INVOKER,
 * since PostgreSQL refuses COMMIT otherwise (E19).
 */
export const procedureSql = `
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
  v_policies jsonb[];
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
  v_schema bigint := (p_payload->>'schema')::bigint;
  v_locked integer := 0;
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
  -- It was sent before the CALL ahead of it was answered, and rests on all of that one being applied.
  IF p_payload ? 'after' AND NOT EXISTS (
    SELECT FROM outpost.site WHERE name = p_site AND term = p_term AND whole_call = (p_payload->>'after')::bigint
  ) THEN
    p_result := jsonb_build_object('kind', 'early');
    RETURN;
  END IF;
  IF v_schema IS NOT NULL AND (v_schema, (p_payload->>'schemaId')::uuid) IS DISTINCT FROM (
    outpost.schema_version(), (SELECT id FROM outpost.schema_change ORDER BY version DESC LIMIT 1)
  ) THEN
    p_result := jsonb_build_object('kind', 'schema', 'history', outpost.schema_history());
    RETURN;
  END IF;
  v_marks := ARRAY(
    SELECT coalesce((SELECT dropped_through FROM outpost.epoch WHERE site = p_site AND epoch = u.e), 0)
    FROM unnest(v_epochs) WITH ORDINALITY u(e, o) ORDER BY o
  );
  v_paused_by := outpost.paused_by(v_lineage, p_site);
  SELECT * INTO v_texts, v_are_mergeable, v_policies FROM outpost.statements(v_shapes);

  <<groups>>
  FOR i IN 0..jsonb_array_length(v_groups) - 1 LOOP
    v_group := v_groups->i;
    v_e := (v_group->>'e')::integer + 1;
    IF NOT outpost.fence(p_site, p_epoch, p_term) THEN
      v_stopped := 'fenced';
      EXIT groups;
    END IF;
    PERFORM outpost.wait_shortly(v_locked);
    IF NOT v_group ? 's'
      AND (cardinality(v_failed) = 0 OR NOT v_failed && ARRAY(SELECT jsonb_array_elements_text(v_group->'d')::bigint)) THEN
      v_at := outpost.apply_group(p_site, v_epochs[v_e], v_marks[v_e], v_lineage, v_shapes, v_texts, v_are_mergeable, v_group, v_schema);
      IF v_at = 'infinity' THEN
        -- Which of them needs the lock is found at once: two waits in full are longer than the site waits for an answer.
        v_locked := v_locked + 1;
      ELSIF v_at IS NOT NULL THEN
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
        PERFORM outpost.wait_shortly(v_locked);
        v_outcome := outpost.apply_one(
          p_site, v_epochs[v_e], v_marks[v_e], v_lineage, v_shapes, v_texts, v_policies, v_group->'r', v_transaction,
          (v_transaction->>5)::boolean, cardinality(v_paused_by) > 0, v_schema
        );
        COMMIT;
        v_must_fence := true;
        IF v_outcome->>'o' IN ('taken', 'schema') THEN
          v_stopped := v_outcome->>'o';
          EXIT groups;
        END IF;
        IF v_outcome->>'sqlstate' = '55P03' THEN
          v_locked := v_locked + 1;
          IF v_locked >= 20 THEN
            v_stopped := 'locked';
          END IF;
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
      EXIT groups WHEN v_stopped IN ('streak', 'locked');
    END LOOP;
  END LOOP;

  -- One synchronous commit that certainly writes: it flushes every asynchronous one before it (N7).
  IF v_stopped = 'fenced' OR NOT outpost.fence(p_site, p_epoch, p_term) THEN
    p_result := jsonb_build_object('kind', 'fenced', 'reason', 'term');
    RETURN;
  END IF;
  v_now := clock_timestamp();
  UPDATE outpost.site SET last_call_at = v_now,
      whole_call = CASE WHEN v_stopped IS NULL AND cardinality(v_failed) = 0 THEN (p_payload->>'number')::bigint END,
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
`
