/**
 * Who changed which column of a row last, and what was decided where two had changed the same. Both are written with the
 * rights of the owner, each by one function that looks who calls: a site can neither forge another's stamp nor tell of
 * a conflict that was not its own. A conflict can be read by the sites that had a part in it, and by nobody else.
 */
export const recordSql = `
CREATE TABLE outpost.row_stamp (
  table_id regclass NOT NULL,
  key jsonb NOT NULL,
  stamps jsonb NOT NULL,
  clock bigint NOT NULL,
  is_deleted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (table_id, key)
);
CREATE INDEX row_stamp_clock ON outpost.row_stamp (clock);
COMMENT ON TABLE outpost.row_stamp IS
  'Of tables with a policy: who set each column of a row last, [clock, site, transaction]. A clock is milliseconds since 1970 times 65536 plus a counter.';

CREATE TABLE outpost.conflict (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  table_name text NOT NULL,
  key jsonb NOT NULL,
  policy text NOT NULL,
  site text NOT NULL,
  transaction_id uuid NOT NULL,
  other_sites text[] NOT NULL,
  other_transactions uuid[] NOT NULL,
  columns text[] NOT NULL,
  base jsonb,
  mine jsonb,
  theirs jsonb,
  result jsonb,
  winner text NOT NULL CHECK (winner IN ('mine', 'theirs', 'merged')),
  lost text[] NOT NULL,
  is_rejected boolean NOT NULL
);
CREATE INDEX conflict_transaction ON outpost.conflict (transaction_id);
CREATE INDEX conflict_others ON outpost.conflict USING gin (other_transactions);
CREATE INDEX conflict_at ON outpost.conflict (at);
COMMENT ON TABLE outpost.conflict IS
  'Where a change met another: what its client saw (base), wanted (mine) and met on main (theirs), and which of it stands. Kept for 30 days.';

ALTER TABLE outpost.row_stamp ENABLE ROW LEVEL SECURITY;
ALTER TABLE outpost.conflict ENABLE ROW LEVEL SECURITY;
CREATE POLICY conflict_read ON outpost.conflict FOR SELECT USING (
  EXISTS (SELECT FROM outpost.site s WHERE s.role_name = current_user AND (s.name = conflict.site OR s.name = ANY (conflict.other_sites)))
);

CREATE FUNCTION outpost.newest_clock() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(clock) FROM outpost.row_stamp
$$;

CREATE FUNCTION outpost.bounded_clock(p_clock bigint, p_ahead_ms integer) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  -- A site whose clock runs ahead must not win for ever: what is too far ahead counts as made when it arrives.
  SELECT CASE WHEN p_clock > (now_ms + p_ahead_ms) * 65536 THEN now_ms * 65536 ELSE p_clock END
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms) n
$$;

CREATE FUNCTION outpost.stamps_of(p_table regclass, p_key jsonb) RETURNS outpost.row_stamp
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s FROM outpost.row_stamp s WHERE table_id = outpost.root_of(p_table) AND key = p_key
    AND has_table_privilege(session_user, p_table, 'SELECT')
$$;

CREATE FUNCTION outpost.refuse_other_site(p_site text, p_table regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM outpost.site WHERE name = p_site AND role_name = session_user)
    AND NOT pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'outpost.site'::regclass), 'MEMBER') THEN
    RAISE EXCEPTION 'site % does not belong to role %', p_site, session_user USING ERRCODE = '42501';
  END IF;
  IF NOT has_any_column_privilege(session_user, p_table, 'UPDATE') THEN
    RAISE EXCEPTION 'role % may not change %', session_user, p_table USING ERRCODE = '42501';
  END IF;
END $$;

CREATE FUNCTION outpost.stamp_row(
  p_site text, p_transaction uuid, p_table regclass, p_key jsonb, p_columns text[], p_clock bigint, p_is_deleted boolean
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_root regclass := outpost.root_of(p_table);
  v_clock bigint := outpost.bounded_clock(p_clock, (SELECT ahead_ms FROM outpost.conflict_policy WHERE table_id = v_root));
  v_stamps jsonb := (SELECT coalesce(jsonb_object_agg(c, jsonb_build_array(v_clock, p_site, p_transaction)), '{}') FROM unnest(p_columns) c);
BEGIN
  PERFORM outpost.refuse_other_site(p_site, p_table);
  IF v_clock IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO outpost.row_stamp AS s (table_id, key, stamps, clock, is_deleted) VALUES (v_root, p_key, v_stamps, v_clock, p_is_deleted)
    ON CONFLICT (table_id, key) DO UPDATE SET
      stamps = CASE WHEN p_is_deleted OR s.is_deleted THEN v_stamps ELSE s.stamps || v_stamps END,
      clock = CASE WHEN p_is_deleted OR s.is_deleted THEN v_clock ELSE greatest(s.clock, v_clock) END, is_deleted = p_is_deleted;
END $$;
REVOKE ALL ON FUNCTION outpost.stamp_row(text, uuid, regclass, jsonb, text[], bigint, boolean) FROM PUBLIC;

CREATE FUNCTION outpost.note_conflict(p_site text, p_transaction uuid, p_conflict jsonb, p_is_rejected boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table regclass := to_regclass(p_conflict->>'table');
  v_columns text[] := ARRAY(SELECT jsonb_array_elements_text(p_conflict->'columns'));
  v_others record;
BEGIN
  PERFORM outpost.refuse_other_site(p_site, v_table);
  SELECT coalesce(array_agg(DISTINCT e.value->>1), '{}') AS sites, coalesce(array_agg(DISTINCT (e.value->>2)::uuid), '{}') AS transactions
    INTO v_others
    FROM outpost.row_stamp s, jsonb_each(s.stamps) e
    WHERE s.table_id = outpost.root_of(v_table) AND s.key = p_conflict->'key' AND e.value->>1 <> p_site
      AND (s.is_deleted OR e.key = ANY (v_columns));
  INSERT INTO outpost.conflict (table_name, key, policy, site, transaction_id, other_sites, other_transactions, columns,
                                base, mine, theirs, result, winner, lost, is_rejected)
    VALUES (outpost.name_of(v_table), p_conflict->'key', p_conflict->>'policy', p_site, p_transaction, v_others.sites, v_others.transactions,
            v_columns, nullif(p_conflict->'base', 'null'), nullif(p_conflict->'mine', 'null'), nullif(p_conflict->'theirs', 'null'),
            nullif(p_conflict->'result', 'null'), p_conflict->>'winner',
            ARRAY(SELECT jsonb_array_elements_text(p_conflict->'lost')), p_is_rejected);
END $$;
REVOKE ALL ON FUNCTION outpost.note_conflict(text, uuid, jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION outpost.conflict_in(p_detail text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
-- What a comparison told with its error; NULL where a trigger raised the same code for reasons of its own.
DECLARE
  v_conflict jsonb := p_detail::jsonb;
BEGIN
  RETURN CASE WHEN v_conflict ?& '{table,key,policy,columns,winner,lost}' 
      AND has_any_column_privilege(session_user, to_regclass(v_conflict->>'table'), 'UPDATE') THEN v_conflict END;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

CREATE FUNCTION outpost.conflict_text(p_conflict jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_conflict IS NOT NULL THEN format('saw %s; wanted %s; main has %s',
    coalesce(nullif(p_conflict->'base', 'null')::text, 'nothing'), coalesce(nullif(p_conflict->'mine', 'null')::text, 'to delete it'),
    coalesce(nullif(p_conflict->'theirs', 'null')::text, 'no such row')) END
$$;

CREATE FUNCTION outpost.forget_conflicts(p_limit integer DEFAULT 5000) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Conflicts go after 30 days, and the stamps of rows that nobody has changed for 400 days. True when nothing is left to do.
DECLARE
  v_conflicts integer;
  v_stamps integer;
BEGIN
  DELETE FROM outpost.conflict WHERE id IN (
    SELECT id FROM outpost.conflict WHERE at < clock_timestamp() - interval '30 days' ORDER BY at LIMIT p_limit
  );
  GET DIAGNOSTICS v_conflicts = ROW_COUNT;
  DELETE FROM outpost.row_stamp WHERE (table_id, key) IN (
    SELECT table_id, key FROM outpost.row_stamp
    WHERE clock < (extract(epoch FROM clock_timestamp() - interval '400 days') * 1000)::bigint * 65536 ORDER BY clock LIMIT p_limit
  );
  GET DIAGNOSTICS v_stamps = ROW_COUNT;
  RETURN greatest(v_conflicts, v_stamps) < p_limit;
END $$;
REVOKE ALL ON FUNCTION outpost.forget_conflicts(integer) FROM PUBLIC;
`
