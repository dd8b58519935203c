/**
 * JSON Schemas of the host's own for the `data` of events. Loads ajv, which nothing else here does.
 *
 * @module @buktor/his-webhook/schemas
 */

export { compileDataSchemas, type DataSchema, type DataSchemaOptions } from './data-schemas.ts';
export type { DataSchemas } from '../receiver/data-schemas.ts';
