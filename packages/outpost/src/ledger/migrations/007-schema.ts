import { ledgerMajor } from '../ledger-major.ts'

/**
 * What the application's schema was and is: one row for each migration that was installed or reverted. The rows
 * replicate with the tables that they tell of, so a snapshot of a replica has the form of its tables and the version of
 * it. A site brings what it recorded under an earlier version to the present one with the steps that stand here.
 */
export const schemaSql = `
CREATE FUNCTION outpost.ledger_major() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  -- Another one, and only that, may ask for other software at the sites.
  SELECT ${ledgerMajor}
$$;

CREATE TABLE outpost.schema_change (
  version bigint PRIMARY KEY,
  id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  namespace text NOT NULL,
  number integer NOT NULL,
  name text NOT NULL,
  is_reverted boolean NOT NULL DEFAULT false,
  lift jsonb NOT NULL DEFAULT '[]',
  lower jsonb NOT NULL DEFAULT '[]',
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE outpost.schema_change IS
  'Every change of the application''s schema, numbered without a gap: what it means for writes that were recorded before it (lift), and for those recorded after it where it is undone (lower).';
-- What the tables look like is no secret from whoever may connect.
GRANT SELECT ON outpost.schema_change TO PUBLIC;

CREATE FUNCTION outpost.schema_version() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT coalesce(max(version), 0) FROM outpost.schema_change $$;

CREATE FUNCTION outpost.note_schema_change(
  p_namespace text, p_number integer, p_name text, p_lift jsonb DEFAULT '[]', p_lower jsonb DEFAULT '[]', p_is_reverted boolean DEFAULT false
) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
-- In the database transaction of the change itself: version and form become visible together. Two at once meet at the key.
  INSERT INTO outpost.schema_change (version, namespace, number, name, lift, lower, is_reverted)
  SELECT outpost.schema_version() + 1, p_namespace, p_number, p_name, p_lift, p_lower, p_is_reverted
  RETURNING version
$$;
REVOKE ALL ON FUNCTION outpost.note_schema_change(text, integer, text, jsonb, jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION outpost.schema_history() RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'version', version, 'id', id, 'name', name, 'lift', lift, 'lower', lower) ORDER BY version), '[]')
  FROM outpost.schema_change
$$;

CREATE FUNCTION outpost.check_schema(p_version bigint) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
-- Behind the statements of a transaction and before its commit: what they touched is locked against changes of its form,
-- so an equal version proves that they were made for the form that they met. NULL: the site does not tell.
BEGIN
  IF p_version IS NOT NULL AND p_version <> outpost.schema_version() THEN
    RAISE EXCEPTION 'the schema has version %, not %', outpost.schema_version(), p_version USING ERRCODE = 'OP020';
  END IF;
END $$;

CREATE FUNCTION outpost.has_schema(p_version bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
-- For merged reads, in the snapshot of their statement: pending writes are folded in the form of one version.
BEGIN
  PERFORM outpost.check_schema(p_version);
  RETURN true;
END $$;
`
