/**
 * First contact of an applier with main: who is this server (N4), which life of the journal may write (N2), which
 * applier may send (N8). All run with the caller's rights but those that write or tell what no site may make up or
 * read by itself, one fact each.
 */
export const helloSql = `
CREATE FUNCTION outpost.server_identity(OUT system_identifier text, OUT timeline integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  -- pg_control_checkpoint() still shows the old timeline right after a promotion; the name of the file being written does not.
  SELECT c.system_identifier::text,
         ('x' || lpad(substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), 8, '0'))::bit(32)::integer
  FROM pg_control_system() c
$$;

CREATE FUNCTION outpost.ensure_lineage() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_system text;
  v_timeline integer;
  v_id uuid;
  v_previous record;
BEGIN
  SELECT * INTO v_system, v_timeline FROM outpost.server_identity();
  SELECT id INTO v_id FROM outpost.lineage WHERE system_identifier = v_system AND timeline = v_timeline;
  IF FOUND THEN
    RETURN v_id;
  END IF;
  -- Two sites may say hello to a new main at once: one writes the row, the other reads it.
  PERFORM pg_advisory_xact_lock(hashtext('outpost.lineage'), 0);
  SELECT id INTO v_id FROM outpost.lineage WHERE system_identifier = v_system AND timeline = v_timeline;
  IF FOUND THEN
    RETURN v_id;
  END IF;
  SELECT id, ordinal INTO v_previous FROM outpost.lineage ORDER BY ordinal DESC LIMIT 1;
  INSERT INTO outpost.lineage (ordinal, system_identifier, timeline, previous, lsn)
  VALUES (coalesce(v_previous.ordinal, 0) + 1, v_system, v_timeline, v_previous.id, pg_current_wal_insert_lsn())
  RETURNING id INTO v_id;
  RETURN v_id;
END $$;
REVOKE ALL ON FUNCTION outpost.ensure_lineage() FROM PUBLIC;

CREATE FUNCTION outpost.current_lineage() RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT l.id FROM outpost.lineage l, outpost.server_identity() s
  WHERE l.system_identifier = s.system_identifier AND l.timeline = s.timeline
$$;

CREATE FUNCTION outpost.end_backends(p_site text) RETURNS integer
LANGUAGE sql VOLATILE AS $$
  -- Every transaction of a CALL holds this advisory lock (outpost.fence), so pg_locks names the backends even behind a pooler.
  SELECT count(pg_terminate_backend(l.pid))::integer
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = (hashtext('outpost.apply')::bigint & 4294967295)
    AND l.objid::bigint = (hashtext(p_site)::bigint & 4294967295)
    AND l.pid <> pg_backend_pid() AND a.usename = current_user
$$;

CREATE FUNCTION outpost.hello(p_site text, p_epoch uuid, p_earlier uuid[] DEFAULT '{}', p_remembered uuid DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
  v_lineage uuid;
  v_row outpost.site;
  v_ended timestamptz;
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN jsonb_build_object('kind', 'recovery');
  END IF;
  -- A main that does not descend from the one that the site wrote to is not touched before the operator accepts it (N4).
  IF p_remembered IS NOT NULL AND NOT EXISTS (SELECT FROM outpost.lineage WHERE id = p_remembered) THEN
    RETURN jsonb_build_object('kind', 'stranger') || to_jsonb(outpost.server_identity());
  END IF;
  v_lineage := outpost.ensure_lineage();
  IF current_setting('lock_timeout') = '0' THEN
    PERFORM set_config('lock_timeout', '10s', true);
  END IF;
  IF NOT EXISTS (SELECT FROM outpost.site WHERE name = p_site) THEN
    INSERT INTO outpost.site (name) VALUES (p_site) ON CONFLICT DO NOTHING;
  END IF;
  SELECT ended_at INTO v_ended FROM outpost.epoch WHERE site = p_site AND epoch = p_epoch;
  IF v_ended IS NOT NULL THEN
    RETURN jsonb_build_object('kind', 'fenced', 'reason', 'epoch');
  END IF;
  -- An old CALL that hangs would hold its share of the site row until its own time-outs: end it first.
  PERFORM outpost.end_backends(p_site);
  SELECT * INTO v_row FROM outpost.site WHERE name = p_site FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'site % belongs to role %, not to %', p_site,
      (SELECT role_name FROM outpost.site WHERE name = p_site), current_user USING ERRCODE = '42501';
  END IF;
  -- Lives of this journal that ended while main was out of reach are known as ended from the start.
  INSERT INTO outpost.epoch (site, epoch, ended_at)
    SELECT p_site, e, clock_timestamp() FROM unnest(p_earlier) e WHERE e <> p_epoch ON CONFLICT DO NOTHING;
  UPDATE outpost.epoch SET ended_at = clock_timestamp()
    WHERE site = p_site AND ended_at IS NULL AND epoch <> p_epoch;
  INSERT INTO outpost.epoch (site, epoch) VALUES (p_site, p_epoch) ON CONFLICT DO NOTHING;
  UPDATE outpost.site SET epoch = p_epoch, term = term + 1, hello_at = clock_timestamp(), whole_call = NULL
    WHERE name = p_site RETURNING * INTO v_row;
  RETURN jsonb_build_object(
    'kind', 'welcome',
    'term', v_row.term,
    'lineage', v_lineage,
    'chain', (SELECT jsonb_agg(id ORDER BY ordinal) FROM outpost.lineage),
    'system', (SELECT system_identifier FROM outpost.lineage WHERE id = v_lineage),
    'timeline', (SELECT timeline FROM outpost.lineage WHERE id = v_lineage),
    'lineage_lsn', (SELECT lsn::text FROM outpost.lineage WHERE id = v_lineage),
    'flush', pg_current_wal_flush_lsn()::text,
    'redriven', v_row.redriven_lineage IS NOT DISTINCT FROM v_lineage,
    'epochs', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'epoch', e.epoch, 'dropped_through', e.dropped_through,
        'high', (SELECT max(seq) FROM outpost.ledger l WHERE l.site = p_site AND l.epoch = e.epoch)
      )), '[]')
      FROM (SELECT epoch, dropped_through FROM outpost.epoch WHERE site = p_site ORDER BY opened_at DESC LIMIT 100) e
    ),
    'now', clock_timestamp()
  );
END $$;

CREATE FUNCTION outpost.islands(p_site text, p_epochs uuid[], p_from bigint, p_to bigint)
RETURNS TABLE (epoch uuid, from_seq bigint, to_seq bigint, outcome text)
LANGUAGE sql STABLE AS $$
  -- Consecutive rows of equal outcome as one row each: a retained million is answered in a few lines. The watermark
  -- of an epoch is an island of its own, since what was pruned counts as present (N14).
  SELECT g.epoch, min(g.seq), max(g.seq), g.outcome FROM (
    SELECT l.epoch, l.seq, l.outcome,
           l.seq - row_number() OVER (PARTITION BY l.epoch, l.outcome ORDER BY l.seq) AS island
    FROM outpost.ledger l
    WHERE l.site = p_site AND l.epoch = ANY (p_epochs) AND l.seq BETWEEN p_from AND p_to
  ) g GROUP BY g.epoch, g.outcome, g.island
  UNION ALL
  SELECT e.epoch, 1, e.dropped_through, 'dropped' FROM outpost.epoch e
  WHERE e.site = p_site AND e.epoch = ANY (p_epochs) AND e.dropped_through >= p_from AND e.dropped_through > 0
$$;

CREATE FUNCTION outpost.has_row(p_site text, p_epoch uuid, p_seq bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM outpost.ledger WHERE site = p_site AND epoch = p_epoch AND seq = p_seq)
      OR EXISTS (SELECT FROM outpost.epoch WHERE site = p_site AND epoch = p_epoch AND dropped_through >= p_seq)
$$;

CREATE FUNCTION outpost.beat(
  p_site text, p_lineage uuid, p_told_epoch uuid, p_told_seq bigint,
  OUT at timestamptz, OUT lsn pg_lsn, OUT timeline integer, OUT is_current boolean
)
LANGUAGE plpgsql AS $$
BEGIN
  -- A pooler may have put another server behind an idle connection: the beat notices what the next CALL would (N6).
  is_current := outpost.current_lineage() IS NOT DISTINCT FROM p_lineage
    AND (p_told_seq IS NULL OR outpost.has_row(p_site, p_told_epoch, p_told_seq));
  -- A lost beat costs nothing, so it does not wait for a disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO outpost.heartbeat AS h (site, at) VALUES (p_site, clock_timestamp())
    ON CONFLICT (site) DO UPDATE SET at = excluded.at RETURNING h.at INTO beat.at;
  lsn := pg_current_wal_flush_lsn();
  SELECT s.timeline INTO beat.timeline FROM outpost.server_identity() s;
END $$;

CREATE FUNCTION outpost.standby_positions(p_names text[]) RETURNS TABLE (name text, flush_lsn text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  -- pg_stat_replication hides positions from all but those who may see every statement of the server, too.
  SELECT r.application_name, r.flush_lsn::text FROM pg_stat_replication r WHERE r.application_name = ANY (p_names)
$$;
REVOKE ALL ON FUNCTION outpost.standby_positions(text[]) FROM PUBLIC;

CREATE FUNCTION outpost.release_attempts() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  -- The operator's word that no other site will bring what a transaction still misses (N9). It comes through a site,
  -- whose role may write nothing else of a lineage.
  UPDATE outpost.lineage SET attempts_released = true WHERE id = outpost.current_lineage()
$$;
REVOKE ALL ON FUNCTION outpost.release_attempts() FROM PUBLIC;
`
