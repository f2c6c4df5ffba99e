/** What main may forget: ledger rows that the site has dropped, and old answers of direct writes. */
export const forgetSql = `
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
-- Answers of writes that went straight to main are kept for 7 days (N22), conflicts longer; at most p_limit of each go in
-- a call. True when nothing is left to do. A lost deletion is made again, so it does not wait for a disk.
DECLARE
  v_deleted integer;
  v_is_done boolean;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  DELETE FROM outpost.idempotency WHERE (site, scope, key) IN (
    SELECT site, scope, key FROM outpost.idempotency WHERE at < clock_timestamp() - interval '7 days' ORDER BY at LIMIT p_limit
  );
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  v_is_done := outpost.forget_conflicts(p_limit);
  RETURN v_is_done AND v_deleted < p_limit;
END $$;
`
