/**
 * One update or delete of a table that has a policy, within the transaction of the write: the row is locked, what the
 * client saw is compared with what main has, and the policy says what becomes of it.
 *
 * Values are compared as jsonb of their column's type: exact for every type, also those without an equality of their own.
 * An instant stands there in UTC, so that a row has one key whatever time zone a session has.
 */
export const changeSql = `
CREATE FUNCTION outpost.typed_values(p_table regclass, p_columns text[], p_values jsonb, p_from integer, p_is_exact boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET timezone = 'UTC' AS $$
-- The values from place p_from on as {column: value}; with the column's length and precision where p_is_exact.
DECLARE
  v_result jsonb;
BEGIN
  IF cardinality(p_columns) = 0 THEN
    RETURN '{}';
  END IF;
  -- Tells of a column that main does not have.
  PERFORM outpost.column_types(p_table, p_columns, false, false);
  EXECUTE (
    SELECT format('SELECT to_jsonb(r.*) FROM (SELECT %s) AS r', string_agg(format('($1->>%s)::%s AS %I', p_from + o - 1,
      format_type(a.atttypid, CASE WHEN p_is_exact THEN a.atttypmod ELSE -1 END), c), ', ' ORDER BY o))
    FROM unnest(p_columns) WITH ORDINALITY x(c, o)
    JOIN pg_attribute a ON a.attrelid = p_table AND a.attname = c AND NOT a.attisdropped
  ) INTO v_result USING p_values;
  RETURN v_result;
END $$;

CREATE FUNCTION outpost.lock_row(p_table regclass, p_key text[], p_values jsonb) RETURNS jsonb
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
  v_types text[] := outpost.column_types(p_table, p_key, false, false);
  v_row jsonb;
BEGIN
  EXECUTE format('SELECT to_jsonb(t.*) FROM %s AS t WHERE %s FOR UPDATE', p_table, (
    SELECT string_agg(format('t.%I = ($1->>%s)::%s', c, o - 1, t), ' AND ' ORDER BY o) FROM unnest(p_key, v_types) WITH ORDINALITY x(c, t, o)
  )) INTO v_row USING p_values;
  RETURN v_row;
END $$;

CREATE FUNCTION outpost.only(p_row jsonb, p_columns text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_row IS NOT NULL THEN coalesce((SELECT jsonb_object_agg(c, p_row->c) FROM unnest(p_columns) c WHERE p_row ? c), '{}') END
$$;

CREATE FUNCTION outpost.differing(p_row jsonb, p_from jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  -- Columns of the first that have another value in the second.
  SELECT coalesce(array_agg(key ORDER BY key), '{}') FROM jsonb_each(p_row) WHERE value IS DISTINCT FROM p_from->key
$$;

CREATE FUNCTION outpost.columns_of(p_row jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(key ORDER BY key), '{}') FROM jsonb_each(p_row)
$$;

CREATE FUNCTION outpost.ask_policy(p_function text, p_table regclass, p_key jsonb, p_base jsonb, p_mine jsonb, p_theirs jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
-- The application's own function, with the rights of the site and no schema to look names up in but PostgreSQL's own.
DECLARE
  v_path text := current_setting('search_path');
  v_table text := outpost.name_of(p_table);
  v_result jsonb;
  v_state text;
  v_message text;
BEGIN
  BEGIN
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT %s($1, $2, $3, $4, $5)', p_function) INTO v_result USING v_table, p_key, p_base, p_mine, p_theirs;
    IF jsonb_typeof(v_result) <> 'object' THEN
      RAISE EXCEPTION 'it answered a jsonb %, neither an object nor null', jsonb_typeof(v_result) USING ERRCODE = 'OP008';
    END IF;
  EXCEPTION WHEN OTHERS THEN
    -- What tells of the server, of a grant or of a lock may pass; all else is the function's own and rejects the
    -- transaction. Class 42 keeps its code: ten equal ones in a row are a function at fault, not what was written (N11).
    IF outpost.is_of_contact(SQLSTATE) OR left(SQLSTATE, 2) IN ('40', '53', '57', '58') THEN
      RAISE;
    END IF;
    GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT;
    RAISE EXCEPTION 'the policy of % failed: %', v_table, v_message
      USING ERRCODE = CASE WHEN left(v_state, 2) = '42' THEN v_state ELSE 'OP008' END, DETAIL = format('%s: %s', p_function, v_state);
  END;
  PERFORM set_config('search_path', v_path, true);
  RETURN v_result;
END $$;

CREATE FUNCTION outpost.set_row(p_table regclass, p_key jsonb, p_row jsonb) RETURNS void
LANGUAGE plpgsql AS $$
-- Writes these columns as a policy's function made them.
DECLARE
  v_columns text[] := outpost.columns_of(p_row);
BEGIN
  PERFORM outpost.column_types(p_table, v_columns, true, false);
  EXECUTE format(
    'UPDATE %1$s AS t SET (%2$s) = (SELECT %3$s FROM jsonb_populate_record(NULL::%1$s, $1) AS r) FROM jsonb_populate_record(NULL::%1$s, $2) AS k WHERE %4$s',
    p_table, (SELECT string_agg(quote_ident(c), ', ') FROM unnest(v_columns) c), (SELECT string_agg(format('r.%I', c), ', ') FROM unnest(v_columns) c),
    (SELECT string_agg(format('t.%1$I = k.%1$I', c), ' AND ') FROM jsonb_object_keys(p_key) c)
  ) USING p_row, p_key;
END $$;

CREATE FUNCTION outpost.lost_columns(p_stamps jsonb, p_columns text[], p_site text, p_clock bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  -- Those that another site has set with a later clock; of two equal clocks the name of the site decides.
  SELECT coalesce(array_agg(c ORDER BY c), '{}') FROM unnest(p_columns) c
  WHERE p_stamps->c->>1 <> p_site
    AND ((p_stamps->c->>0)::bigint > p_clock OR (p_stamps->c->>0)::bigint = p_clock AND (p_stamps->c->>1) COLLATE "C" > p_site COLLATE "C")
$$;

CREATE FUNCTION outpost.lost_to(p_result jsonb, p_mine jsonb, p_theirs jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  -- Columns of a change that a policy's function did not take over; * for a delete that it refused.
  SELECT CASE
    WHEN p_mine IS NOT NULL THEN ARRAY(
      SELECT c FROM jsonb_object_keys(p_mine) c
      WHERE p_mine->c IS DISTINCT FROM p_theirs->c AND coalesce(p_result->c, p_theirs->c) IS DISTINCT FROM p_mine->c ORDER BY c)
    WHEN p_result IS NULL THEN '{*}'
    ELSE '{}' END
$$;

CREATE FUNCTION outpost.run_part(p_shape jsonb, p_values jsonb, p_columns text[]) RETURNS void
LANGUAGE plpgsql AS $$
-- The update of a shape, of these columns only.
DECLARE
  v_keys integer := jsonb_array_length(p_shape->'key');
  v_shape jsonb := p_shape || jsonb_build_object('columns', to_jsonb(p_columns));
BEGIN
  PERFORM outpost.run_statement(outpost.statement_of(v_shape), v_shape, jsonb_build_array(
    (SELECT jsonb_agg(v ORDER BY o) FROM jsonb_array_elements(p_values) WITH ORDINALITY x(v, o) WHERE o <= v_keys)
    || (SELECT jsonb_agg(p_values->(v_keys + n.o::integer - 1) ORDER BY w.o)
        FROM unnest(p_columns) WITH ORDINALITY w(c, o) JOIN jsonb_array_elements_text(p_shape->'columns') WITH ORDINALITY n(c, o) USING (c))
  ));
END $$;

CREATE FUNCTION outpost.change_by_policy(
  p_policy jsonb, p_site text, p_transaction jsonb, p_shape jsonb, p_text text, p_values jsonb
) RETURNS boolean
LANGUAGE plpgsql AS $$
-- True when something of the change was overruled. Errors: OP006, its DETAIL the conflict as JSON; OP007; OP008.
DECLARE
  v_kind text := p_policy->>'policy';
  v_is_delete boolean := p_shape->>'kind' = 'delete';
  v_table regclass := to_regclass(p_shape->>'table');
  v_keys text[] := ARRAY(SELECT jsonb_array_elements_text(p_shape->'key'));
  v_columns text[] := ARRAY(SELECT jsonb_array_elements_text(p_shape->'columns'));
  v_seen text[] := ARRAY(SELECT jsonb_array_elements_text(coalesce(p_shape->'seen', '[]')));
  v_clock bigint := outpost.bounded_clock(
    coalesce((p_transaction->>8)::bigint, floor((p_transaction->>3)::numeric)::bigint * 65536), (p_policy->>'ahead')::integer);
  v_key jsonb;
  v_base jsonb;
  v_mine jsonb;
  v_theirs jsonb;
  v_known outpost.row_stamp;
  v_moved text[];
  v_contested text[];
  v_lost text[] := '{}';
  v_result jsonb;
  v_conflict jsonb;
BEGIN
  IF v_kind = 'append_only' THEN
    RAISE EXCEPTION 'table % takes new rows only', v_table USING ERRCODE = 'OP007', TABLE = v_table::text;
  END IF;
  v_theirs := outpost.lock_row(v_table, v_keys, p_values);
  v_key := outpost.typed_values(v_table, v_keys, p_values, 0, true);
  v_mine := CASE WHEN NOT v_is_delete THEN outpost.typed_values(v_table, v_columns, p_values, cardinality(v_keys), false) END;
  v_base := outpost.typed_values(v_table, v_seen, p_values, cardinality(v_keys || v_columns), true);
  v_known := outpost.stamps_of(v_table, v_key);
  v_moved := outpost.differing(v_base, v_theirs);
  v_conflict := jsonb_build_object(
    'table', p_shape->>'table', 'key', v_key, 'policy', v_kind, 'columns', to_jsonb(v_moved), 'base', nullif(v_base, '{}'), 'mine', v_mine,
    'theirs', CASE WHEN v_is_delete THEN v_theirs ELSE outpost.only(v_theirs, v_columns || v_seen) END,
    'winner', 'theirs', 'lost', to_jsonb(v_columns)
  );

  IF v_kind = 'compare_and_set' AND (v_base = '{}' OR v_moved <> '{}') AND (v_theirs IS NOT NULL OR coalesce(v_known.is_deleted, false)) THEN
    RAISE EXCEPTION '%', CASE WHEN v_base = '{}' THEN format('a change of %s must say what its client saw', v_table)
        WHEN v_theirs IS NULL THEN format('the row of %s has been deleted since it was seen', v_table)
        ELSE format('%s of %s changed since it was seen', array_to_string(v_moved, ', '), v_table) END
      USING ERRCODE = 'OP006', DETAIL = v_conflict::text;
  END IF;

  IF v_theirs IS NULL THEN
    IF v_kind = 'last_writer' AND coalesce(v_known.is_deleted, false) THEN
      -- A delete is final, whatever the clocks say.
      IF NOT v_is_delete THEN
        PERFORM outpost.note_conflict(p_site, (p_transaction->>1)::uuid, v_conflict || jsonb_build_object('columns', to_jsonb(v_columns)), false);
      END IF;
      RETURN NOT v_is_delete;
    END IF;
    PERFORM outpost.run_statement(p_text, p_shape, jsonb_build_array(p_values));
    RETURN false;
  END IF;

  IF v_kind = 'function' AND (v_base = '{}' OR v_moved <> '{}') THEN
    v_result := outpost.ask_policy(p_policy->>'function', v_table, v_key, nullif(v_base, '{}'), v_mine, v_theirs);
    v_lost := outpost.lost_to(v_result, v_mine, v_theirs);
    v_result := outpost.only(v_result, outpost.differing(v_result, v_theirs));
    IF v_result ?| v_keys THEN
      RAISE EXCEPTION 'the policy of % changes the key', v_table USING ERRCODE = 'OP008';
    END IF;
    IF v_lost <> '{}' OR v_moved <> '{}' THEN
      PERFORM outpost.note_conflict(p_site, (p_transaction->>1)::uuid, v_conflict || jsonb_build_object(
        'columns', to_jsonb(CASE WHEN v_moved <> '{}' THEN v_moved ELSE v_lost END), 'lost', to_jsonb(v_lost),
        'result', CASE WHEN NOT v_is_delete THEN v_result END,
        'winner', CASE WHEN v_lost = '{}' THEN 'mine' WHEN v_is_delete OR coalesce(v_result, '{}') = '{}' THEN 'theirs' ELSE 'merged' END
      ), false);
    END IF;
    IF v_result IS NULL OR v_result = '{}' AND NOT v_is_delete THEN
      RETURN v_lost <> '{}';
    ELSIF v_is_delete THEN
      PERFORM outpost.run_statement(p_text, p_shape, jsonb_build_array(p_values));
    ELSE
      PERFORM outpost.set_row(v_table, v_key, v_result);
    END IF;
    PERFORM outpost.stamp_row(p_site, (p_transaction->>1)::uuid, v_table, v_key,
                              CASE WHEN v_is_delete THEN ARRAY['*'] ELSE outpost.columns_of(v_result) END, v_clock, v_is_delete);
    RETURN v_lost <> '{}';
  END IF;

  IF v_kind = 'last_writer' AND NOT v_is_delete THEN
    -- Who has seen what main has is later than it, whatever the clocks say.
    v_lost := outpost.lost_columns(
      v_known.stamps, ARRAY(SELECT c FROM unnest(v_columns) c WHERE NOT (v_base ? c) OR c = ANY (v_moved)), p_site, v_clock);
  END IF;
  v_contested := CASE WHEN v_is_delete THEN v_moved ELSE ARRAY(
    SELECT c FROM unnest(v_columns) c WHERE v_mine->c IS DISTINCT FROM v_theirs->c AND (c = ANY (v_moved) OR c = ANY (v_lost))) END;
  IF v_contested <> '{}' THEN
    PERFORM outpost.note_conflict(p_site, (p_transaction->>1)::uuid, v_conflict || jsonb_build_object(
      'columns', to_jsonb(v_contested), 'lost', to_jsonb(v_lost),
      'winner', CASE WHEN v_lost = '{}' THEN 'mine' WHEN v_lost @> v_columns THEN 'theirs' ELSE 'merged' END
    ), false);
  END IF;
  v_columns := ARRAY(SELECT c FROM unnest(v_columns) c WHERE c <> ALL (v_lost));
  IF v_is_delete OR v_lost = '{}' THEN
    PERFORM outpost.run_statement(p_text, p_shape, jsonb_build_array(p_values));
  ELSIF v_columns <> '{}' THEN
    PERFORM outpost.run_part(p_shape, p_values, v_columns);
  END IF;
  IF v_is_delete OR v_columns <> '{}' THEN
    PERFORM outpost.stamp_row(p_site, (p_transaction->>1)::uuid, v_table, v_key, CASE WHEN v_is_delete THEN ARRAY['*'] ELSE v_columns END,
                              v_clock, v_is_delete);
  END IF;
  RETURN v_contested && v_lost;
END $$;
`
