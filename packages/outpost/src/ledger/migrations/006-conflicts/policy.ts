/**
 * The conflict policy of a table: main's is the authority, the sites read a copy of it with their table definitions. A
 * table without one is merged by column: what was supplied is set, whoever changed the rest.
 */
export const policySql = `
CREATE TABLE outpost.conflict_policy (
  table_id regclass PRIMARY KEY,
  policy text NOT NULL CHECK (policy IN ('column_merge', 'compare_and_set', 'last_writer', 'append_only', 'function')),
  function_name text CHECK ((function_name IS NOT NULL) = (policy = 'function')),
  ahead_ms integer NOT NULL DEFAULT 60000 CHECK (ahead_ms BETWEEN 0 AND 86400000),
  declared_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE outpost.conflict_policy IS
  'What becomes of an update or delete whose row somebody else changed meanwhile. Of a partitioned table the topmost one has it.';
COMMENT ON COLUMN outpost.conflict_policy.ahead_ms IS
  'How far the clock of a site may be ahead of main''s: a stamp further ahead counts as main''s own time.';

CREATE FUNCTION outpost.root_of(p_table regclass) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(pg_partition_root(p_table), p_table)
$$;

CREATE FUNCTION outpost.name_of(p_table regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table
$$;

CREATE FUNCTION outpost.policy_of(p_table regclass) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('policy', policy, 'function', function_name, 'ahead', ahead_ms)
  FROM outpost.conflict_policy WHERE table_id = outpost.root_of(p_table)
$$;

CREATE FUNCTION outpost.policy_for(p_shape jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  -- A new row meets no other.
  SELECT CASE WHEN p_shape->>'kind' <> 'insert' THEN outpost.policy_of(to_regclass(p_shape->>'table')) END
$$;

CREATE FUNCTION outpost.checked_function(p_function text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
-- The function's own name, quoted. It must run with the rights of the site that writes.
DECLARE
  v_oid regprocedure := to_regprocedure(p_function || '(text,jsonb,jsonb,jsonb,jsonb)');
  v_function pg_proc;
BEGIN
  SELECT * INTO v_function FROM pg_proc WHERE oid = v_oid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no function %(text, jsonb, jsonb, jsonb, jsonb)', p_function USING ERRCODE = 'OP005',
      HINT = 'Its arguments are the table, the key, what the client saw, what it wants and what main has; name its schema.';
  END IF;
  IF v_function.prorettype <> 'jsonb'::regtype OR v_function.proretset OR v_function.prokind <> 'f' THEN
    RAISE EXCEPTION 'the function % does not return one jsonb', v_oid USING ERRCODE = 'OP005';
  END IF;
  IF v_function.prosecdef THEN
    RAISE EXCEPTION 'the function % has rights of its own (SECURITY DEFINER)', v_oid USING ERRCODE = 'OP005',
      HINT = 'A policy runs with the rights of the site that writes: make it SECURITY INVOKER.';
  END IF;
  RETURN (SELECT format('%I.%I', n.nspname, v_function.proname) FROM pg_namespace n WHERE n.oid = v_function.pronamespace);
END $$;

CREATE FUNCTION outpost.set_conflict_policy(p_table text, p_policy text, p_function text DEFAULT NULL, p_ahead_ms integer DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql AS $$
-- Declares the policy of a table, from the next batch of each site on; NULL takes it back. Answers the table's name.
DECLARE
  v_table regclass := outpost.root_of(to_regclass(p_table));
BEGIN
  IF v_table IS NULL OR (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = v_table) THEN
    RAISE EXCEPTION 'there is no table %', p_table USING ERRCODE = 'OP005';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = v_table AND indisprimary) THEN
    RAISE EXCEPTION 'the table % has no primary key', v_table USING ERRCODE = 'OP005';
  END IF;
  IF p_policy IS NULL THEN
    DELETE FROM outpost.conflict_policy WHERE table_id = v_table;
    RETURN outpost.name_of(v_table);
  END IF;
  IF p_policy NOT IN ('column_merge', 'compare_and_set', 'last_writer', 'append_only', 'function') THEN
    RAISE EXCEPTION 'there is no policy %', p_policy USING ERRCODE = 'OP005',
      HINT = 'Policies are column_merge, compare_and_set, last_writer, append_only and function.';
  END IF;
  IF (p_policy = 'function') <> (p_function IS NOT NULL) THEN
    RAISE EXCEPTION 'a function belongs to the policy function, and to no other' USING ERRCODE = 'OP005';
  END IF;
  INSERT INTO outpost.conflict_policy AS p (table_id, policy, function_name, ahead_ms)
    VALUES (v_table, p_policy, CASE WHEN p_function IS NOT NULL THEN outpost.checked_function(p_function) END, coalesce(p_ahead_ms, 60000))
    ON CONFLICT (table_id) DO UPDATE
      SET policy = excluded.policy, function_name = excluded.function_name, ahead_ms = excluded.ahead_ms, declared_at = clock_timestamp()
      WHERE (p.policy, p.function_name, p.ahead_ms) IS DISTINCT FROM (excluded.policy, excluded.function_name, excluded.ahead_ms);
  RETURN outpost.name_of(v_table);
END $$;
REVOKE ALL ON FUNCTION outpost.set_conflict_policy(text, text, text, integer) FROM PUBLIC;
`
