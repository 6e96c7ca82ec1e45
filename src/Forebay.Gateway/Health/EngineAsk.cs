using System.Buffers;
using Forebay.Core.Fleet;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols.Metrics;

namespace Forebay.Gateway.Health;

/// <summary>How a question beside the API ended.</summary>
/// <param name="Status">HTTP status; 0 when none came.</param>
/// <param name="Sample">What a metrics page said.</param>
internal readonly record struct AskResult(int Status, EngineSample Sample)
{
    public bool IsGood => Status is >= 200 and < 300;

    /// <summary>There is no such path here.</summary>
    public bool IsUnknown => Status is 404 or 405 or 501;
}

/// <summary>Asks an endpoint how it is, on the connections, trust, proxy and credential that its requests
/// use.</summary>
internal static class EngineAsk
{
    /// <summary>A page of an engine with many replicas fits; an endless one is given up.</summary>
    private const int MaxPageBytes = 4 * 1024 * 1024;

    private const int LineBytes = 8 * 1024;

    /// <summary>Asks for a path; the body is not read.</summary>
    public static async Task<AskResult> ProbeAsync(
        Deployment deployment, Upstream upstream, string path, CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage response = await SendAsync(deployment, upstream, path, cancel);
            return new AskResult((int)response.StatusCode, default);
        }
        catch (Exception e) when (
            UpstreamFault.Is(e) || e is OperationCanceledException or ProviderCredentialException)
        {
            return default;
        }
    }

    /// <summary>Reads a metrics page.</summary>
    public static async Task<AskResult> ReadMetricsAsync(
        Deployment deployment, Upstream upstream, string path, CancellationToken cancel)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(LineBytes);
        try
        {
            using HttpResponseMessage response = await SendAsync(deployment, upstream, path, cancel);
            int status = (int)response.StatusCode;
            if (!response.IsSuccessStatusCode)
            {
                return new AskResult(status, default);
            }

            await using Stream body = await UpstreamBody.OpenAsync(response, cancel);
            var reader = new EngineMetricsReader();
            return await ReadLinesAsync(body, buffer, reader, cancel)
                ? new AskResult(status, reader.Sample())
                : default;
        }
        catch (Exception e) when (
            UpstreamFault.Is(e) || e is OperationCanceledException or ProviderCredentialException)
        {
            return default;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A line that does not fit into the buffer is passed over.</summary>
    /// <returns>False for a page past its bound.</returns>
    internal static async Task<bool> ReadLinesAsync(
        Stream body, byte[] buffer, EngineMetricsReader reader, CancellationToken cancel)
    {
        int held = 0;
        long total = 0;
        bool skipping = false;
        while (true)
        {
            int read = await body.ReadAsync(buffer.AsMemory(held), cancel);
            total += read;
            if (total > MaxPageBytes)
            {
                return false;
            }

            if (read == 0)
            {
                if (!skipping)
                {
                    reader.Read(buffer.AsSpan(0, held));
                }

                return true;
            }

            held = TakeLines(buffer, held + read, reader, ref skipping);
            if (held == buffer.Length)
            {
                skipping = true;
                held = 0;
            }
        }
    }

    private static int TakeLines(byte[] buffer, int held, EngineMetricsReader reader, ref bool skipping)
    {
        int from = 0;
        while (buffer.AsSpan(from, held - from).IndexOf((byte)'\n') is >= 0 and var length)
        {
            if (!skipping)
            {
                reader.Read(buffer.AsSpan(from, length));
            }

            skipping = false;
            from += length + 1;
        }

        buffer.AsSpan(from, held - from).CopyTo(buffer);
        return held - from;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        Deployment deployment, Upstream upstream, string path, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, upstream.PathUri(path));
        await upstream.Adapter.AuthorizeAsync(request, deployment.Config.Dialects[0], cancel);
        return await upstream.Invoker.SendAsync(request, cancel);
    }
}
