/**
 * What operators decide about dead letters (N3). A decision is a transaction of its own: its ledger row names what it
 * replaces, why and by whom, and `outpost.decided` has a row for each transaction that it decides on.
 *
 * Main looks at both ends, because two processes or two copies of a journal may not know of each other: a decision about
 * what was applied after all is rejected, and so is what was decided on and comes again later (`OP004`).
 */
export const decideSql = `
CREATE FUNCTION outpost.refuse_decided(p_site text, p_id uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RAISE EXCEPTION 'transaction % was decided on before it came: see transaction %', p_id,
    (SELECT decided_by FROM outpost.decided WHERE site = p_site AND transaction_id = p_id) USING ERRCODE = 'OP004';
END $$;

CREATE FUNCTION outpost.note_decision(p_site text, p_id uuid, p_decision jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_ids uuid[] := ARRAY(SELECT jsonb_array_elements_text(p_decision->'on')::uuid);
  v_applied uuid;
  v_row outpost.decided;
BEGIN
  SELECT transaction_id INTO v_applied FROM outpost.ledger
  WHERE site = p_site AND transaction_id = ANY (v_ids) AND outcome = 'applied' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transaction % was applied after all', v_applied USING ERRCODE = 'OP004';
  END IF;
  SELECT * INTO v_row FROM outpost.decided WHERE site = p_site AND transaction_id = ANY (v_ids) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transaction % was decided on before: see transaction %', v_row.transaction_id, v_row.decided_by
      USING ERRCODE = 'OP004';
  END IF;
  INSERT INTO outpost.decided (site, transaction_id, decided_by) SELECT p_site, id, p_id FROM unnest(v_ids) id;
END $$;

`
