import type { MetricRegistry } from '@meltemi/runtime'

/** The reference's statistics of one MetaProtocolProxy, by the reference's names (spec A14), and those it lacks. */
export type DownstreamStats = ReturnType<typeof downstreamStats>

export function downstreamStats(metrics: MetricRegistry, applicationProtocol: string, statPrefix: string) {
  const prefix = `meta_protocol.${applicationProtocol}.${statPrefix}.`
  const counter = (name: string) => metrics.counter(prefix + name)
  return {
    cxTotal: counter('downstream_cx_total'),
    cxActive: metrics.gauge(`${prefix}downstream_cx_active`),
    cxOverflow: counter('downstream_cx_overflow'),
    cxRxBytes: counter('downstream_cx_rx_bytes_total'),
    cxTxBytes: counter('downstream_cx_tx_bytes_total'),
    cxDestroyLocalWithActive: counter('cx_destroy_local_with_active_rq'),
    cxDestroyRemoteWithActive: counter('cx_destroy_remote_with_active_rq'),
    flowControlPaused: counter('downstream_flow_control_paused'),
    idleTimeout: counter('idle_timeout'),
    partialMessageTimeout: counter('partial_message_timeout'),
    localResponseBusinessException: counter('local_response_business_exception'),
    localResponseError: counter('local_response_error'),
    localResponseSuccess: counter('local_response_success'),
    request: counter('request'),
    requestActive: metrics.gauge(`${prefix}request_active`),
    requestDecodingError: counter('request_decoding_error'),
    requestDecodingSuccess: counter('request_decoding_success'),
    requestEvent: counter('request_event'),
    requestOneway: counter('request_oneway'),
    requestStream: counter('request_stream'),
    requestTwoway: counter('request_twoway'),
    requestTimeout: counter('request_timeout'),
    requestOverload: counter('request_overload'),
    requestUnexpected: counter('request_unexpected'),
    requestUntold: counter('request_untold'),
    requestTimeMs: metrics.histogram(`${prefix}request_time_ms`),
    response: counter('response'),
    responseBusinessException: counter('response_business_exception'),
    responseDecodingError: counter('response_decoding_error'),
    responseDecodingSuccess: counter('response_decoding_success'),
    responseError: counter('response_error'),
    responseErrorCausedConnectionClose: counter('response_error_caused_connection_close'),
    responseSuccess: counter('response_success'),
    streamActive: metrics.gauge(`${prefix}stream_active`),
    streamReset: counter('stream_reset'),
    filterException: counter('filter_exception'),
    codecException: counter('codec_exception'),
    resumeIgnored: counter('filter_resume_ignored'),
  }
}
