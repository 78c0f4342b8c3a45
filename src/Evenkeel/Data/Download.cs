using System.Net;
using System.Security.Cryptography;

namespace Evenkeel.Data;

/// <summary>The progress of a download.</summary>
/// <param name="File">The file, as the catalog names it.</param>
/// <param name="Received">Bytes received so far, including those of an earlier attempt.</param>
/// <param name="Total">Total bytes, if the server says it.</param>
/// <param name="Resumed">Bytes received before this attempt. A rate must leave them out.</param>
public readonly record struct DownloadProgress(string File, long Received, long? Total, long Resumed);

/// <summary>
/// Downloads one file into <c>NAME.part</c>, and continues where an earlier attempt stopped. Then it checks the
/// published checksum and renames the file.
/// </summary>
internal sealed class Download(
    HttpClient client, Uri address, string name, string target, string md5, IProgress<DownloadProgress>? progress)
{
    private const int CutRetries = 4;
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(60);

    private readonly byte[] _buffer = new byte[1 << 16];
    private bool _goesOn;

    private string Part => target + ".part";

    /// <summary>
    /// A client for downloads. It waits for slow servers, but not for dead ones. An address of this machine is never
    /// reached through a proxy.
    /// </summary>
    public static HttpClient CreateClient(Uri address) =>
        new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(20), UseProxy = !address.IsLoopback })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };

    /// <summary>Downloads the file if it is not there.</summary>
    /// <exception cref="IOException">
    /// There is no network, the answer is not a file, the disk is full, or another process downloads the file. The
    /// message says which, and what is kept.
    /// </exception>
    /// <exception cref="InvalidDataException">The checksum is wrong. The received bytes are removed.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(target)) return;
        FileStream part;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            // The file is not shared: a second process fails here, and the file of the first one stays whole.
            part = new FileStream(Part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
        }
        catch (IOException failure) when (File.Exists(Part))
        {
            throw new IOException(
                $"Data: \"{Part}\" is in use; is another process downloading it? "
                + $"Wait for that one. ({failure.Message})",
                failure);
        }

        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"Data: \"{Part}\" cannot be made ({failure.Message.TrimEnd('.')}). "
                + $"Choose another folder, or change its permissions.",
                failure);
        }

        bool whole;
        await using (part)
        {
            // The other process may have finished between the first look and the lock.
            whole = File.Exists(target);
            if (!whole) await ReceiveAsync(part, cancellationToken);
        }

        if (whole)
        {
            WholeFile.Remove(Part);
            return;
        }

        try
        {
            File.Move(Part, target, overwrite: true);
        }
        catch (FileNotFoundException) when (File.Exists(target))
        {
            // A second process found the complete part and was faster.
        }
    }

    private async Task ReceiveAsync(FileStream part, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        await HashAsync(part, hash, cancellationToken);
        // An earlier attempt ended between the last byte and the renaming, so there is nothing to ask for. Such a part
        // must not be written to: another process that renames it now would publish half a file.
        if (IsRight(hash)) return;
        await ReceiveRestAsync(part, hash, cancellationToken);
        if (IsRight(hash)) return;
        if (_goesOn)
        {
            // The first bytes may come from an older file or another address. The download is repeated from the start.
            StartAnew(part, hash);
            await ReceiveRestAsync(part, hash, cancellationToken);
            if (IsRight(hash)) return;
        }

        string got = Convert.ToHexStringLower(hash.GetCurrentHash());
        long length = part.Length;
        part.SetLength(0);
        await part.DisposeAsync();
        WholeFile.Remove(Part);
        throw new InvalidDataException($"Data: expected the published checksum (MD5 {md5}) of {name}, "
            + $"got {got} over {length} bytes from {address}. What was received is removed; try again later.");
    }

    private bool IsRight(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetCurrentHash()) == md5;

    private async Task ReceiveRestAsync(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        for (int cuts = 0; ; cuts++)
        {
            long before = part.Position;
            try
            {
                await AttemptAsync(part, hash, cancellationToken);
                return;
            }
            catch (Exception failure) when (failure is HttpRequestException or HttpIOException or TimeoutException)
            {
                // An interrupted connection is opened again as long as each attempt receives something.
                if (part.Position > before && cuts < CutRetries) continue;
                string kept = part.Position > 0
                    ? $" {part.Position} bytes are kept; run it again to go on from there."
                    : " Is there a network?";
                throw new IOException(
                    $"Data: {address} could not be downloaded ({Innermost(failure).TrimEnd('.')}).{kept}", failure);
            }
        }
    }

    /// <summary>One request, from the end of the part.</summary>
    private async Task AttemptAsync(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        using var stalled = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            stalled.CancelAfter(s_stall);
            using HttpResponseMessage? response = await RequestAsync(part, hash, stalled.Token);
            if (response is null) return;
            long resumed = part.Position;
            long? total = response.Content.Headers.ContentLength is { } left ? resumed + left : null;
            await using Stream body = await response.Content.ReadAsStreamAsync(stalled.Token);
            progress?.Report(new DownloadProgress(name, resumed, total, resumed));
            for (int got; (got = await ReadAsync(body, stalled.Token)) > 0;)
            {
                stalled.CancelAfter(s_stall);
                await WriteAsync(part, _buffer.AsMemory(0, got));
                hash.AppendData(_buffer.AsSpan(0, got));
                progress?.Report(new DownloadProgress(name, part.Position, total, resumed));
            }
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {s_stall.TotalSeconds:F0} s", failure);
        }
    }

    /// <summary>
    /// Asks for the rest of the file. If the server sends the whole file, the part is reset to its start. Null if
    /// nothing is left to ask for.
    /// </summary>
    private async Task<HttpResponseMessage?> RequestAsync(
        FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (part.Position > 0)
                request.Headers.Range = new System.Net.Http.Headers.RangeHeaderValue(part.Position, null);
            HttpResponseMessage response = await client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            try
            {
                switch (response.StatusCode)
                {
                    case HttpStatusCode.PartialContent when part.Position > 0
                        && response.Content.Headers.ContentRange?.From == part.Position:
                        _goesOn = true;
                        return Keep(ref response);
                    case HttpStatusCode.OK:
                        // The server does not support ranges. The file comes from its start.
                        StartAnew(part, hash);
                        return Keep(ref response);
                    case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable
                        when part.Position > 0:
                        // Nothing follows the end of the part: it is complete, or useless.
                        if (IsRight(hash)) return null;
                        StartAnew(part, hash);
                        continue;
                    default:
                        throw new IOException(
                            $"Data: the server answered {(int)response.StatusCode} ({response.ReasonPhrase}) to "
                            + $"{address}. Nothing was changed; try again later, or get the file by another way.");
                }
            }
            finally
            {
                response?.Dispose();
            }
        }
    }

    private static HttpResponseMessage Keep(ref HttpResponseMessage response)
    {
        HttpResponseMessage kept = response;
        response = null!;
        return kept;
    }

    private void StartAnew(FileStream part, IncrementalHash hash)
    {
        part.SetLength(0);
        part.Position = 0;
        hash.GetHashAndReset();
        _goesOn = false;
    }

    /// <summary>A reset connection is a plain IOException. Here it is distinguished from a full disk.</summary>
    private async Task<int> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(_buffer, cancellationToken);
        }
        catch (IOException failure) when (failure is not HttpIOException)
        {
            throw new HttpIOException(HttpRequestError.ResponseEnded, failure.Message, failure);
        }
    }

    private async Task HashAsync(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        for (int got; (got = await part.ReadAsync(_buffer, cancellationToken)) > 0;)
            hash.AppendData(_buffer.AsSpan(0, got));
    }

    /// <summary>This is not cancelled in the middle: the checksum must cover every byte of the file.</summary>
    private async Task WriteAsync(FileStream part, ReadOnlyMemory<byte> bytes)
    {
        long before = part.Position;
        try
        {
            await part.WriteAsync(bytes, CancellationToken.None);
        }
        catch (IOException failure)
        {
            throw new IOException(
                $"Data: \"{Part}\" could not be written ({failure.Message.TrimEnd('.')}). "
                + $"{before} bytes are kept; free some space and run it again to go on from there.",
                failure);
        }
    }

    private static string Innermost(Exception failure)
    {
        while (failure is not TimeoutException && failure.InnerException is { } inner) failure = inner;
        return failure.Message;
    }
}
