/**
 * The one statement of a shape (kind, table, columns), made on main from main's own catalog: columns come from an
 * allow-list and every name is quoted, so nothing of the payload ever becomes SQL text unchecked.
 *
 * Values travel as a jsonb array of arrays and are cast to `format_type(type, -1)`: an explicit cast to `varchar(n)`
 * would cut silently, while the assignment that follows raises. Measured against jsonb_to_recordset and arrays per
 * column, element access by number was the fastest and beats a multi-row INSERT with parameters.
 */
export const statementSql = `
CREATE FUNCTION outpost.column_types(p_table regclass, p_columns text[], p_is_written boolean, p_may_lack boolean) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
-- The type of each column; NULL for one that main does not have, where that is allowed.
DECLARE
  v_name text;
  v_attribute record;
  v_types text[] := '{}';
BEGIN
  FOREACH v_name IN ARRAY p_columns LOOP
    SELECT a.attgenerated, a.attidentity, format_type(a.atttypid, -1) AS type INTO v_attribute
    FROM pg_attribute a WHERE a.attrelid = p_table AND a.attname = v_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND AND p_may_lack THEN
      v_types := array_append(v_types, NULL);
      CONTINUE;
    END IF;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'column % of table % does not exist', quote_ident(v_name), p_table USING ERRCODE = '42703';
    END IF;
    IF p_is_written AND (v_attribute.attgenerated <> '' OR v_attribute.attidentity = 'a') THEN
      RAISE EXCEPTION 'column % of table % is generated on main', quote_ident(v_name), p_table USING ERRCODE = '428C9';
    END IF;
    v_types := array_append(v_types, v_attribute.type);
  END LOOP;
  RETURN v_types;
END $$;

CREATE FUNCTION outpost.is_nothing(p_value text, p_table text, p_column text) RETURNS boolean
LANGUAGE plpgsql AS $$
-- The site completes a row with NULL for every column that was not supplied. Main may have dropped such a column since.
BEGIN
  IF p_value IS NOT NULL THEN
    RAISE EXCEPTION 'column % of table % does not exist', quote_ident(p_column), p_table USING ERRCODE = '42703';
  END IF;
  RETURN true;
END $$;

CREATE FUNCTION outpost.statement_of(p_shape jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_kind text := p_shape->>'kind';
  v_table regclass := to_regclass(p_shape->>'table');
  v_key text[] := ARRAY(SELECT jsonb_array_elements_text(p_shape->'key'));
  v_columns text[] := ARRAY(SELECT jsonb_array_elements_text(p_shape->'columns'));
  v_types text[];
  v_keys integer := cardinality(v_key);
  v_source text;
  v_match text;
BEGIN
  IF v_kind = 'refuse' THEN
    RAISE EXCEPTION '%', p_shape->'columns'->>0 USING ERRCODE = 'OP021';
  END IF;
  IF v_table IS NULL OR (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = v_table) THEN
    RAISE EXCEPTION 'table % does not exist', p_shape->>'table' USING ERRCODE = '42P01';
  END IF;
  v_types := outpost.column_types(v_table, v_key, false, false) || outpost.column_types(v_table, v_columns, true, v_kind = 'insert');
  v_source := (
    SELECT string_agg(format('(r->>%s)::%s AS v%s', o - 1, t, o), ', ' ORDER BY o) FROM unnest(v_types) WITH ORDINALITY x(t, o)
    WHERE t IS NOT NULL
  );
  IF v_kind = 'insert' THEN
    RETURN format(
      'INSERT INTO %s (%s) SELECT %s FROM jsonb_array_elements($1) AS x(r)', v_table,
      (SELECT string_agg(quote_ident(c), ', ' ORDER BY o) FROM unnest(v_columns, v_types) WITH ORDINALITY x(c, t, o) WHERE t IS NOT NULL),
      v_source
    ) || coalesce(
      (SELECT ' WHERE ' || string_agg(format('outpost.is_nothing(r->>%s, %L, %L)', o - 1, v_table, c), ' AND ' ORDER BY o)
       FROM unnest(v_columns, v_types) WITH ORDINALITY x(c, t, o) WHERE t IS NULL), ''
    );
  END IF;
  IF v_keys = 0 THEN
    RAISE EXCEPTION 'a change of table % names no key', v_table USING ERRCODE = '42P10';
  END IF;
  v_match := (
    SELECT string_agg(format('t.%I = s.v%s', c, o), ' AND ' ORDER BY o) FROM unnest(v_key) WITH ORDINALITY x(c, o)
  );
  v_source := format('(SELECT %s FROM jsonb_array_elements($1) AS x(r)) AS s', v_source);
  IF v_kind = 'delete' THEN
    RETURN format('DELETE FROM %s AS t USING %s WHERE %s', v_table, v_source, v_match);
  END IF;
  RETURN format(
    'UPDATE %s AS t SET %s FROM %s WHERE %s', v_table,
    (SELECT string_agg(format('%I = s.v%s', c, o + v_keys), ', ' ORDER BY o) FROM unnest(v_columns) WITH ORDINALITY x(c, o)),
    v_source, v_match
  );
END $$;

CREATE FUNCTION outpost.may_merge(p_table regclass, p_kind text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  -- The site planned with the catalog that it knows; main looks at its own before it runs rows of several
  -- transactions as one statement. A trigger, a rule or a cascading reference makes the order of rows matter.
  SELECT NOT EXISTS (
      SELECT FROM pg_trigger
      WHERE NOT tgisinternal AND tgenabled <> 'D'
        AND tgrelid IN (SELECT p_table::oid UNION SELECT relid::oid FROM pg_partition_tree(p_table))
    )
    AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = p_table AND ev_type <> '1')
    AND NOT EXISTS (
      SELECT FROM pg_constraint
      WHERE contype = 'f' AND confrelid = p_table
        AND CASE p_kind WHEN 'delete' THEN confdeltype IN ('c', 'n', 'd') WHEN 'update' THEN confupdtype IN ('c', 'n', 'd') ELSE false END
    )
$$;

CREATE FUNCTION outpost.statements(p_shapes jsonb, OUT texts text[], OUT are_mergeable boolean[], OUT policies jsonb[])
LANGUAGE plpgsql STABLE AS $$
-- A shape that cannot be built stays NULL: its transactions go one by one, where the true error shows. A change that a
-- policy decides on goes so too.
DECLARE
  v_shape jsonb;
  v_text text;
  v_policy jsonb;
  v_is_mergeable boolean;
BEGIN
  texts := '{}';
  are_mergeable := '{}';
  policies := '{}';
  FOR v_shape IN SELECT jsonb_array_elements(p_shapes) LOOP
    BEGIN
      v_text := outpost.statement_of(v_shape);
      v_policy := outpost.policy_for(v_shape);
      v_is_mergeable := v_policy IS NULL AND outpost.may_merge(to_regclass(v_shape->>'table'), v_shape->>'kind');
    EXCEPTION WHEN OTHERS THEN
      v_text := NULL;
      v_policy := NULL;
      v_is_mergeable := false;
    END;
    texts := array_append(texts, v_text);
    are_mergeable := array_append(are_mergeable, v_is_mergeable);
    policies := array_append(policies, v_policy);
  END LOOP;
END $$;
`
