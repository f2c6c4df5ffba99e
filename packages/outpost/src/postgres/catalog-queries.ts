/**
 * The queries that read a schema, each returning one row with one `json` column. They run with only
 * `pg_catalog` in the search_path, so that every other name PostgreSQL prints is qualified. Columns that only newer servers have are
 * looked up through `to_jsonb`, so that one text serves all versions from 15.
 */

/** Schemas that belong to the server or to Outpost itself: never part of an application's schema. */
const isUserSchema = `n.nspname <> 'information_schema' AND n.nspname <> 'outpost' AND n.nspname !~ '^pg_'`

const qualifiedName = (schema: string, relation: string) =>
  `quote_ident(${schema}) || '.' || quote_ident(${relation})`

/**
 * Tables of the chosen schemas, and partitions elsewhere whose root is among them. Temporary and unlogged tables are
 * left out: what is written to them never reaches a replica, so it could never be confirmed.
 */
const chosenTables = (schemas: string) => `
  SELECT c.*, n.nspname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence = 'p' AND ${isUserSchema}
     AND (n.nspname = ANY (${schemas})
          OR c.relispartition AND EXISTS (
               SELECT FROM pg_class root JOIN pg_namespace rn ON rn.oid = root.relnamespace
                WHERE root.oid = pg_partition_root(c.oid) AND rn.nspname = ANY (${schemas})))`

/**
 * True for an expression (as `pg_node_tree` text) that gives the same on every server and at every time, and reads no
 * table: it calls only PostgreSQL's own immutable functions and converts nothing by way of a session's text form.
 */
const isPure = (tree: string) => `(
        ${tree} !~ '[{](SQLVALUEFUNCTION|COERCEVIAIO|COERCETODOMAIN |ROWCOMPAREEXPR|NEXTVALUEEXPR|SUBLINK|XMLEXPR|JSON)'
    AND NOT EXISTS (SELECT FROM regexp_matches(${tree}, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m
                      JOIN pg_proc p ON p.oid = m[1]::oid WHERE p.provolatile <> 'i' OR p.oid::int8 >= 16384)
    AND NOT EXISTS (SELECT FROM regexp_matches(${tree}, ':opno ([0-9]+)', 'g') m
                      JOIN pg_operator o ON o.oid = m[1]::oid JOIN pg_proc p ON p.oid = o.oprcode
                     WHERE p.provolatile <> 'i' OR p.oid::int8 >= 16384))`

export const serverQuery = `
SELECT json_build_object('serverVersion', current_setting('server_version_num')::int4) AS json`

/**
 * Triggers count along the whole partition tree: a write through the parent fires those of the partition, a write to
 * the partition those cloned from the parent. A temporal foreign key (18) is not an equality, so it is reported like
 * a trigger: the conflict set of such a table is unknown.
 */
export const tablesQuery = (schemas: string) => `
WITH chosen AS MATERIALIZED (${chosenTables(schemas)})
SELECT coalesce(json_agg(json_build_object(
    'oid', c.oid::int8,
    'name', ${qualifiedName('c.nspname', 'c.relname')},
    'schema', c.nspname,
    'relation', c.relname,
    'relkind', c.relkind,
    'isPartition', c.relispartition,
    'hasRowSecurity', c.relrowsecurity,
    'parents', (SELECT coalesce(json_agg(${qualifiedName('pn.nspname', 'p.relname')} ORDER BY i.inhseqno), '[]')
                  FROM pg_inherits i
                  JOIN pg_class p ON p.oid = i.inhparent
                  JOIN pg_namespace pn ON pn.oid = p.relnamespace
                 WHERE i.inhrelid = c.oid),
    'hasTriggers',
      EXISTS (SELECT FROM pg_trigger t
               WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
                 AND t.tgrelid IN (SELECT c.oid
                             UNION SELECT pg_partition_ancestors(c.oid)
                             UNION SELECT relid FROM pg_partition_tree(c.oid)))
      OR EXISTS (SELECT FROM pg_rewrite r
                  WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3', '4') AND r.ev_enabled IN ('O', 'A'))
      OR EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conrelid = c.oid AND k.contype = 'f'
                    AND coalesce((to_jsonb(k) ->> 'conperiod')::bool, false))
  ) ORDER BY ${qualifiedName('c.nspname', 'c.relname')} COLLATE "C"), '[]') AS json
  FROM chosen c`

export const columnsQuery = (schemas: string) => `
WITH chosen AS MATERIALIZED (${chosenTables(schemas)})
SELECT coalesce(json_agg(json_build_object(
    'table', c.oid::int8,
    'name', a.attname,
    'number', a.attnum,
    'type', a.atttypid::int8,
    'modifier', a.atttypmod,
    'typeWithModifier', format_type(a.atttypid, a.atttypmod),
    'isNotNull', a.attnotnull,
    'identity', a.attidentity,
    'generated', a.attgenerated,
    'expression', pg_get_expr(d.adbin, d.adrelid),
    'hasExactCollation', a.attcollation = 0 OR coalesce(co.collisdeterministic, false),
    'collation', CASE WHEN a.attcollation NOT IN (0, 'pg_catalog."default"'::regcollation)
                      THEN ${qualifiedName('cn.nspname', 'co.collname')} END
  ) ORDER BY c.oid, a.attnum), '[]') AS json
  FROM chosen c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_collation co ON co.oid = a.attcollation
  LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace`

/** Every type that a chosen column has or is made of: domains' bases, elements, fields and ranges' subtypes. */
export const typesQuery = (schemas: string) => `
WITH RECURSIVE chosen AS MATERIALIZED (${chosenTables(schemas)}), used (oid) AS (
  SELECT DISTINCT a.atttypid FROM chosen c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT part.oid FROM used u JOIN pg_type t ON t.oid = u.oid
   CROSS JOIN LATERAL (
     SELECT t.typbasetype WHERE t.typtype = 'd'
     UNION ALL SELECT t.typelem WHERE t.typelem <> 0
     UNION ALL SELECT a.atttypid FROM pg_attribute a
                WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
   ) part (oid)
)
SELECT coalesce(json_agg(json_build_object(
    'oid', t.oid::int8,
    'typname', t.typname,
    'typtype', t.typtype,
    'name', format_type(t.oid, -1),
    'isBuiltIn', t.oid::int8 < 16384,
    'isArray', t.typlen = -1 AND t.typelem <> 0 AND t.typname NOT IN ('int2vector', 'oidvector')
               AND t.typsubscript = 'array_subscript_handler'::regproc,
    'element', t.typelem::int8,
    'base', t.typbasetype::int8,
    'baseModifier', t.typtypmod,
    'isNotNull', t.typnotnull,
    'default', pg_get_expr(t.typdefaultbin, 0),
    'hasExactCollation', t.typcollation = 0 OR coalesce(tc.collisdeterministic, false),
    'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
                 FROM pg_enum e WHERE e.enumtypid = t.oid),
    'subtype', (SELECT r.rngsubtype::int8 FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)),
    'hasExactRangeCollation', coalesce((SELECT r.rngcollation = 0 OR rc.collisdeterministic
         FROM pg_range r LEFT JOIN pg_collation rc ON rc.oid = r.rngcollation
        WHERE t.oid IN (r.rngtypid, r.rngmultitypid)), true),
    'fields', (SELECT json_agg(json_build_object(
                        'name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
                        'typeWithModifier', format_type(a.atttypid, a.atttypmod),
                        'hasExactCollation', a.attcollation = 0 OR coalesce(fc.collisdeterministic, false)
                      ) ORDER BY a.attnum)
                 FROM pg_attribute a LEFT JOIN pg_collation fc ON fc.oid = a.attcollation
                WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
    'checks', (SELECT json_agg(json_build_object(
                        'name', k.conname, 'sql', pg_get_constraintdef(k.oid),
                        'expression', CASE WHEN ${isPure('k.conbin::text')} THEN pg_get_expr(k.conbin, 0) END) ORDER BY k.conname)
                 FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')
  ) ORDER BY t.oid), '[]') AS json
  FROM used u JOIN pg_type t ON t.oid = u.oid
  LEFT JOIN pg_collation tc ON tc.oid = t.typcollation`

/**
 * Foreign keys and checks that are enforced. A foreign key to a partitioned table has a row per partition beside its
 * own: those have a parent on the same table and are left out.
 */
export const constraintsQuery = (schemas: string) => `
WITH chosen AS MATERIALIZED (${chosenTables(schemas)})
SELECT coalesce(json_agg(json_build_object(
    'table', c.oid::int8,
    'kind', k.contype,
    'name', k.conname,
    'sql', CASE WHEN k.contype = 'c' THEN pg_get_constraintdef(k.oid) END,
    'expression', CASE WHEN k.contype = 'c' AND ${isPure('k.conbin::text')} THEN pg_get_expr(k.conbin, k.conrelid) END,
    'isMatchFull', k.confmatchtype = 'f',
    'columns', k.conkey,
    'references', (SELECT ${qualifiedName('rn.nspname', 'r.relname')}
                     FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
                    WHERE r.oid = k.confrelid),
    'referencedColumns', (SELECT json_agg(a.attname ORDER BY f.position)
                            FROM unnest(k.confkey) WITH ORDINALITY f (number, position)
                            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.number),
    'onDelete', k.confdeltype,
    'onUpdate', k.confupdtype
  ) ORDER BY c.oid, k.conname COLLATE "C"), '[]') AS json
  FROM chosen c
  JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('f', 'c')
  LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
 WHERE (k.contype = 'c' OR parent.conrelid IS DISTINCT FROM k.conrelid)
   AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
   AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)`

/**
 * Indexes that are keys, or that begin with a column. `isEquality` is false for an exclusion by another operator than
 * equality, and for a primary key WITHOUT OVERLAPS (18), whose rows also exclude each other by overlap.
 */
export const indexesQuery = (schemas: string) => `
WITH chosen AS MATERIALIZED (${chosenTables(schemas)})
SELECT coalesce(json_agg(json_build_object(
    'table', c.oid::int8,
    'name', ic.relname,
    'isPrimary', i.indisprimary,
    'isKey', i.indisunique OR i.indisexclusion,
    'isValid', i.indisvalid,
    'isPartial', i.indpred IS NOT NULL,
    'method', am.amname,
    'nullsNotDistinct', i.indnullsnotdistinct,
    'isEquality', NOT i.indisexclusion OR coalesce((
        SELECT bool_and(o.oprname = '=') FROM pg_constraint k
          JOIN pg_operator o ON o.oid = ANY (k.conexclop) WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid), false),
    'hasOwnEquality', NOT coalesce((
        SELECT bool_and(oc.opcdefault OR oc.oid::int8 < 16384 AND oc.opcname ~ '_pattern_ops$')
          FROM unnest(i.indclass::oid[]) u (oid) JOIN pg_opclass oc ON oc.oid = u.oid), false)
      OR EXISTS (SELECT FROM unnest(i.indcollation::oid[], i.indkey::int2[]) u (oid, number)
                   JOIN pg_collation uc ON uc.oid = u.oid
                   LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number
                   LEFT JOIN pg_collation ac ON ac.oid = a.attcollation
                  WHERE a.attcollation IS DISTINCT FROM u.oid
                    AND NOT (uc.collisdeterministic AND coalesce(ac.collisdeterministic, true))),
    'expressions', CASE WHEN i.indisunique AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
                         AND ${isPure('concat(i.indexprs::text, i.indpred::text)')}
      THEN (SELECT json_agg(pg_get_indexdef(i.indexrelid, g, false) ORDER BY g) FROM generate_series(1, i.indnkeyatts) g) END,
    'predicate', pg_get_expr(i.indpred, i.indrelid),
    'used', (SELECT json_agg(DISTINCT m[1]::int4)
               FROM regexp_matches(concat(i.indexprs::text, i.indpred::text), ':varattno (-?[0-9]+)', 'g') m),
    'columns', (SELECT json_agg(x.number ORDER BY x.position)
                  FROM unnest(i.indkey::int2[]) WITH ORDINALITY x (number, position)
                 WHERE x.position <= i.indnkeyatts)
  ) ORDER BY c.oid, ic.relname COLLATE "C"), '[]') AS json
  FROM chosen c
  JOIN pg_index i ON i.indrelid = c.oid AND i.indislive
  JOIN pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_am am ON am.oid = ic.relam`

/** Views of every schema, because one outside the chosen schemas can read a table inside them. */
export const viewsQuery = `
SELECT coalesce(json_agg(json_build_object(
    'name', ${qualifiedName('n.nspname', 'c.relname')},
    'schema', n.nspname,
    'relation', c.relname,
    'sql', rtrim(pg_get_viewdef(c.oid), ';'),
    'columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'isMaterialized', c.relkind = 'm',
    'isSecurityBarrier', EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o
                                  WHERE o.option_name = 'security_barrier' AND o.option_value::bool)
  ) ORDER BY ${qualifiedName('n.nspname', 'c.relname')} COLLATE "C"), '[]') AS json
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm') AND ${isUserSchema}`

/** Callable functions of every user schema, with what is needed to judge whether they could read a table. */
export const functionsQuery = `
SELECT coalesce(json_agg(json_build_object(
    'name', p.proname,
    'language', l.lanname,
    'isImmutable', p.provolatile = 'i',
    'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                     AND d.refclassid = 'pg_extension'::regclass LIMIT 1),
    'body', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
    'parts', (SELECT json_agg(part.proname ORDER BY part.proname)
                FROM pg_aggregate g
                JOIN pg_proc part ON part.oid IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggmtransfn,
                     g.aggminvtransfn, g.aggmfinalfn, g.aggserialfn, g.aggdeserialfn)
                JOIN pg_namespace n ON n.oid = part.pronamespace AND ${isUserSchema}
               WHERE g.aggfnoid = p.oid)
  ) ORDER BY p.proname COLLATE "C", p.oid), '[]') AS json
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
 WHERE ${isUserSchema}
   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)`

/** Changes of the application's schema, oldest first. */
export const historyQuery = `
SELECT coalesce(json_agg(json_build_object(
    'version', version, 'id', id, 'name', name, 'lift', lift, 'lower', lower
  ) ORDER BY version), '[]') AS json
FROM outpost.schema_change`
