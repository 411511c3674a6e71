import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeResourceText } from './describe-resource.ts'

test('a resource reads like one that kubectl describes', () => {
  const text = describeResourceText({
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: {
      name: 'greeter',
      namespace: 'shop',
      labels: { app: 'x', tier: 'front' },
      resourceVersion: '0123456789abcdef',
    },
    spec: {
      hosts: ['greeter.example.com'],
      routes: [{ name: 'v1', route: [{ destination: { host: 'a' }, weight: 1 }] }, { name: 'all' }],
      mirrorPercentage: { value: 50 },
    },
    status: { conditions: [{ type: 'Accepted', status: 'False', message: 'two\nlines \u001b[31m' }], empty: [] },
  })
  assert.equal(
    text,
    `Name:         greeter
Namespace:    shop
Labels:       app=x
              tier=front
Annotations:  <none>
Api Version:  metaprotocol.aeraki.io/v1alpha1
Kind:         MetaRouter
Metadata:
  Resource Version:  0123456789abcdef
Spec:
  Hosts:
    greeter.example.com
  Routes:
    - Name:         v1
      Route:
        - Destination:
            Host:         a
          Weight:       1
    - Name:         all
  Mirror Percentage:
    Value:        50
Status:
  Conditions:
    - Type:         Accepted
      Status:       False
      Message:      two lines  [31m
  Empty:        <none>
`,
  )
})
