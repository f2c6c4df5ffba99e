import type { Resource } from './resource.ts'

/** What is recorded while observing. Writes of these are journalled. */
export const executedObsUnits: Resource = {
  path: 'executed_obs_units',
  table: 'public.executed_obs_unit',
  noun: 'executed unit',
  columns: {
    id: 'uuid',
    obs_unit_id: 'integer',
    status: 'text',
    start_time: 'timestamp',
    end_time: 'timestamp',
    mean_elevation: 'number',
    pwv_mm: 'number',
    notes: 'text',
    created_at: 'timestamp',
  },
  nullable: ['end_time', 'mean_elevation', 'pwv_mm', 'notes'],
  defaultSort: '-start_time',
}

export const instrumentConfigurations: Resource = {
  path: 'instrument_configurations',
  table: 'public.instrument_configuration',
  noun: 'instrument configuration',
  columns: {
    id: 'uuid',
    executed_obs_unit_id: 'uuid',
    instrument_module_id: 'integer',
    parameters: 'json',
    valid_from: 'timestamp',
    created_at: 'timestamp',
  },
  nullable: [],
  defaultSort: '-valid_from',
}

export const rawDataFiles: Resource = {
  path: 'raw_data_files',
  table: 'public.raw_data_file',
  noun: 'file',
  columns: {
    id: 'uuid',
    executed_obs_unit_id: 'uuid',
    instrument_module_id: 'integer',
    raw_data_package_id: 'uuid',
    name: 'text',
    relative_path: 'text',
    size_bytes: 'bigint',
    checksum: 'text',
    file_type: 'text',
    created_at: 'timestamp',
  },
  nullable: [
    'instrument_module_id',
    'raw_data_package_id',
    'relative_path',
    'size_bytes',
    'checksum',
    'file_type',
  ],
  defaultSort: '-created_at',
}

export const rawDataPackages: Resource = {
  path: 'raw_data_packages',
  table: 'public.raw_data_package',
  noun: 'package',
  columns: {
    id: 'uuid',
    executed_obs_unit_id: 'uuid',
    instrument_module_id: 'integer',
    name: 'text',
    state: 'text',
    size_bytes: 'bigint',
    file_count: 'integer',
    created_at: 'timestamp',
    finalized_at: 'timestamp',
  },
  nullable: ['instrument_module_id', 'size_bytes', 'file_count', 'finalized_at'],
  defaultSort: '-created_at',
}

export const dataTransfers: Resource = {
  path: 'data_transfers',
  table: 'public.data_transfer',
  noun: 'transfer',
  columns: {
    id: 'uuid',
    raw_data_package_id: 'uuid',
    origin_id: 'integer',
    destination_id: 'integer',
    status: 'text',
    bytes: 'bigint',
    created_at: 'timestamp',
    started_at: 'timestamp',
    finished_at: 'timestamp',
  },
  nullable: ['bytes', 'started_at', 'finished_at'],
  defaultSort: '-created_at',
}

export const recordedResources = [
  executedObsUnits,
  instrumentConfigurations,
  rawDataFiles,
  rawDataPackages,
  dataTransfers,
] as const
