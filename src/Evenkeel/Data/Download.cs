using System.Net;
using System.Security.Cryptography;

namespace Evenkeel.Data;

/// <summary>How far a download is.</summary>
/// <param name="File">The file, as the catalog names it.</param>
/// <param name="Received">Bytes there, those of an earlier attempt included.</param>
/// <param name="Total">Bytes in all, if the server says it.</param>
/// <param name="Resumed">Bytes that were there before this attempt: what a rate must leave out.</param>
public readonly record struct DownloadProgress(string File, long Received, long? Total, long Resumed);

/// <summary>
/// Downloads one file: into <c>NAME.part</c>, going on where an earlier attempt stopped, then checks its published checksum and renames it.
/// </summary>
internal sealed class Download(HttpClient client, Uri address, string name, string target, string md5, IProgress<DownloadProgress>? progress)
{
    private const int CutRetries = 4;
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(60);

    private readonly byte[] _buffer = new byte[1 << 16];
    private bool _goesOn;

    private string Part => target + ".part";

    /// <summary>A client for downloads: patient with slow servers, not with dead ones. An address of this machine is never asked through a proxy.</summary>
    public static HttpClient CreateClient(Uri address) =>
        new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(20), UseProxy = !address.IsLoopback }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Makes the file be there; does nothing if it is.</summary>
    /// <exception cref="IOException">No network, an answer that is no file, a full disk, another process at it: the message says which and what is left.</exception>
    /// <exception cref="InvalidDataException">The checksum is wrong; what was received is removed.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(target)) return;
        FileStream part;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            // Not shared: a second process fails here, and the file of the first one stays whole.
            part = new FileStream(Part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
        }
        catch (IOException failure) when (File.Exists(Part))
        {
            throw new IOException($"Data: \"{Part}\" is in use; is another process downloading it? Wait for that one. ({failure.Message})", failure);
        }

        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Data: \"{Part}\" cannot be made ({failure.Message.TrimEnd('.')}). Choose another folder, or change its permissions.", failure);
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
        // An attempt that was ended between the last byte and the new name: nothing to ask for. Were a part of that kind written to, a process that renames it now would give away half a file.
        if (IsRight(hash)) return;
        await ReceiveRestAsync(part, hash, cancellationToken);
        if (IsRight(hash)) return;
        if (_goesOn)
        {
            // The first bytes may be of an older file, or of another address: once more, from the start.
            StartAnew(part, hash);
            await ReceiveRestAsync(part, hash, cancellationToken);
            if (IsRight(hash)) return;
        }

        string got = Convert.ToHexStringLower(hash.GetCurrentHash());
        long length = part.Length;
        part.SetLength(0);
        await part.DisposeAsync();
        WholeFile.Remove(Part);
        throw new InvalidDataException($"Data: expected the published checksum (MD5 {md5}) of {name}, got {got} over {length} bytes from {address}. What was received is removed; try again later.");
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
                // A line that was cut is picked up again, as long as something came through it.
                if (part.Position > before && cuts < CutRetries) continue;
                string kept = part.Position > 0 ? $" {part.Position} bytes are kept; run it again to go on from there." : " Is there a network?";
                throw new IOException($"Data: {address} could not be downloaded ({Innermost(failure).TrimEnd('.')}).{kept}", failure);
            }
        }
    }

    /// <summary>One request, from where the part ends.</summary>
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

    /// <summary>Asks for the rest; sets the part back to its start where the server sends the whole. Null where nothing is left to ask for.</summary>
    private async Task<HttpResponseMessage?> RequestAsync(FileStream part, IncrementalHash hash, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (part.Position > 0) request.Headers.Range = new System.Net.Http.Headers.RangeHeaderValue(part.Position, null);
            HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            try
            {
                switch (response.StatusCode)
                {
                    case HttpStatusCode.PartialContent when part.Position > 0 && response.Content.Headers.ContentRange?.From == part.Position:
                        _goesOn = true;
                        return Keep(ref response);
                    case HttpStatusCode.OK:
                        // The server knows no ranges: from the start.
                        StartAnew(part, hash);
                        return Keep(ref response);
                    case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable when part.Position > 0:
                        // Nothing behind the end of the part: it is complete, or of no use.
                        if (IsRight(hash)) return null;
                        StartAnew(part, hash);
                        continue;
                    default:
                        throw new IOException($"Data: the server answered {(int)response.StatusCode} ({response.ReasonPhrase}) to {address}. Nothing was changed; try again later, or get the file by another way.");
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

    /// <summary>A line that is reset is a plain IOException: here it is told from a disk that is full.</summary>
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
        for (int got; (got = await part.ReadAsync(_buffer, cancellationToken)) > 0;) hash.AppendData(_buffer.AsSpan(0, got));
    }

    /// <summary>Not cancelled in the middle: the checksum must know every byte that is in the file.</summary>
    private async Task WriteAsync(FileStream part, ReadOnlyMemory<byte> bytes)
    {
        long before = part.Position;
        try
        {
            await part.WriteAsync(bytes, CancellationToken.None);
        }
        catch (IOException failure)
        {
            throw new IOException($"Data: \"{Part}\" could not be written ({failure.Message.TrimEnd('.')}). {before} bytes are kept; free some space and run it again to go on from there.", failure);
        }
    }

    private static string Innermost(Exception failure)
    {
        while (failure is not TimeoutException && failure.InnerException is { } inner) failure = inner;
        return failure.Message;
    }
}
