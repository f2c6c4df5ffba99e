/** Counts equal rejections, of which ten in a row stop a CALL (N11). */
export const streakSql = `
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
`
