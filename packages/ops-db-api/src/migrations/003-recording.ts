import type { Migration } from './migration.ts'

/**
 * What is recorded while observing. Ids are UUIDs and every default can be made at the site, so that a row that
 * waits in the journal equals the row to come.
 */
export const recording: Migration = {
  number: 3,
  name: 'recording',
  sql: `
CREATE TABLE public.executed_obs_unit (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  obs_unit_id integer NOT NULL REFERENCES public.obs_unit (id),
  status varchar(20) NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'paused', 'completed', 'aborted', 'failed')),
  start_time timestamptz NOT NULL DEFAULT now(),
  end_time timestamptz,
  mean_elevation double precision CHECK (mean_elevation BETWEEN 0 AND 90),
  pwv_mm double precision CHECK (pwv_mm BETWEEN 0 AND 100),
  notes varchar(10000),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT executed_obs_unit_ends_after_start CHECK (end_time >= start_time),
  CONSTRAINT executed_obs_unit_ended_has_end_time CHECK ((status IN ('running', 'paused')) = (end_time IS NULL))
);
CREATE INDEX executed_obs_unit_obs_unit_id_idx ON public.executed_obs_unit (obs_unit_id);
CREATE INDEX executed_obs_unit_start_time_idx ON public.executed_obs_unit (start_time, id);
CREATE INDEX executed_obs_unit_status_idx ON public.executed_obs_unit (status, start_time);

CREATE TABLE public.instrument_configuration (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  executed_obs_unit_id uuid NOT NULL REFERENCES public.executed_obs_unit (id),
  instrument_module_id integer NOT NULL REFERENCES public.instrument_module (id),
  parameters jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
  valid_from timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX instrument_configuration_unit_idx
  ON public.instrument_configuration (executed_obs_unit_id, instrument_module_id, valid_from);
CREATE INDEX instrument_configuration_module_idx ON public.instrument_configuration (instrument_module_id);

-- One tar per executed unit and module. Its size is known once it is finalized, and at most 50 GB.
CREATE TABLE public.raw_data_package (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  executed_obs_unit_id uuid NOT NULL REFERENCES public.executed_obs_unit (id),
  instrument_module_id integer REFERENCES public.instrument_module (id),
  name varchar(255) NOT NULL CHECK (name <> ''),
  state varchar(20) NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'transferring', 'archived', 'failed')),
  size_bytes bigint CONSTRAINT raw_data_package_at_most_50_gb CHECK (size_bytes BETWEEN 0 AND 50000000000),
  file_count integer CHECK (file_count >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  finalized_at timestamptz,
  CONSTRAINT raw_data_package_name_key UNIQUE (executed_obs_unit_id, name),
  CONSTRAINT raw_data_package_module_key UNIQUE (executed_obs_unit_id, instrument_module_id)
);
CREATE INDEX raw_data_package_module_idx ON public.raw_data_package (instrument_module_id);
CREATE INDEX raw_data_package_state_idx ON public.raw_data_package (state, created_at);

CREATE TABLE public.raw_data_file (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  executed_obs_unit_id uuid NOT NULL REFERENCES public.executed_obs_unit (id),
  instrument_module_id integer REFERENCES public.instrument_module (id),
  raw_data_package_id uuid REFERENCES public.raw_data_package (id),
  name varchar(255) NOT NULL CHECK (name <> ''),
  relative_path varchar(1024),
  size_bytes bigint CHECK (size_bytes >= 0),
  checksum varchar(128),
  file_type varchar(32),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT raw_data_file_name_key UNIQUE (executed_obs_unit_id, instrument_module_id, name)
);
CREATE INDEX raw_data_file_module_idx ON public.raw_data_file (instrument_module_id);
CREATE INDEX raw_data_file_package_idx ON public.raw_data_file (raw_data_package_id);
CREATE INDEX raw_data_file_created_at_idx ON public.raw_data_file (created_at, id);

CREATE TABLE public.data_transfer (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  raw_data_package_id uuid NOT NULL REFERENCES public.raw_data_package (id),
  origin_id integer NOT NULL REFERENCES public.data_location (id),
  destination_id integer NOT NULL REFERENCES public.data_location (id),
  status varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed')),
  bytes bigint CHECK (bytes >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT data_transfer_between_two_places CHECK (origin_id <> destination_id)
);
CREATE INDEX data_transfer_package_idx ON public.data_transfer (raw_data_package_id);
CREATE INDEX data_transfer_origin_idx ON public.data_transfer (origin_id);
CREATE INDEX data_transfer_destination_idx ON public.data_transfer (destination_id);
CREATE INDEX data_transfer_status_idx ON public.data_transfer (status, created_at);
`,
}
