import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_TYPES } from '@meltemi/api/model'
import { ErrorType } from '@meltemi/sdk'

test('types of errors that configuration names are those of codecs', () =>
  assert.deepEqual({ ...ERROR_TYPES }, { ...ErrorType }))
