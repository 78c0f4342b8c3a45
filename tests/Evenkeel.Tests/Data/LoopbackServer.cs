using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Evenkeel.Tests.Data;

/// <summary>A web server for one test, on this machine only: a few lines of HTTP/1.1 that can misbehave.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly CancellationTokenSource _stop = new();

    public LoopbackServer()
    {
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");
        _ = AcceptAsync();
    }

    public Uri Address { get; }

    /// <summary>Requests so far: the path, then the range asked for.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>Answers with the whole file whatever range is asked for.</summary>
    public bool IgnoreRange { get; set; }

    /// <summary>Cuts the line after that many bytes of a body, this often.</summary>
    public (int Bytes, int Times) Cut { get; set; }

    /// <summary>A cut is a reset, as when a router forgets a connection, and not an orderly end.</summary>
    public bool IsReset { get; set; }

    /// <summary>Says no more after that many bytes of a body, with the line open.</summary>
    public int? HangAfter { get; set; }

    /// <summary>Waits between pieces of 16 kB.</summary>
    public int DelayMilliseconds { get; set; }

    public string? Status { get; set; }

    public void Put(string name, byte[] content) => _files["/" + name] = content;

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string path = (await reader.ReadLineAsync(_stop.Token))!.Split(' ')[1], range = "";
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                {
                    if (line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                        range = line["Range: bytes=".Length..];
                }

                lock (Requests) Requests.Add($"{path} {range}".TrimEnd());
                byte[] file = _files.GetValueOrDefault(path, []);
                string status = Status ?? (_files.ContainsKey(path) ? "200 OK" : "404 Not Found");
                int from = 0;
                string headers = "";
                if (range.Length > 0 && !IgnoreRange && status.StartsWith("200", StringComparison.Ordinal))
                {
                    from = int.Parse(range.TrimEnd('-'), CultureInfo.InvariantCulture);
                    status = from < file.Length ? "206 Partial Content" : "416 Range Not Satisfiable";
                    headers = from < file.Length
                        ? $"Content-Range: bytes {from}-{file.Length - 1}/{file.Length}\r\n"
                        : $"Content-Range: bytes */{file.Length}\r\n";
                }

                byte[] body = status[0] == '2' ? file[from..] : [];
                await stream.WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\n{headers}Connection: close\r\n\r\n"),
                    _stop.Token);
                int send = body.Length;
                bool isCut = Cut.Times > 0 && Cut.Bytes < send;
                if (isCut) (send, Cut) = (Cut.Bytes, (Cut.Bytes, Cut.Times - 1));
                if (HangAfter is { } limit) send = Math.Min(send, limit);
                for (int at = 0; at < send; at += 1 << 14)
                {
                    await stream.WriteAsync(body.AsMemory(at, Math.Min(1 << 14, send - at)), _stop.Token);
                    if (DelayMilliseconds > 0) await Task.Delay(DelayMilliseconds, _stop.Token);
                }

                if (isCut && IsReset)
                {
                    // What has not been read is lost with a reset: give the other side the time.
                    await Task.Delay(200, _stop.Token);
                    client.Client.Close(timeout: 0);
                    return;
                }

                if (HangAfter is not null) await Task.Delay(Timeout.Infinite, _stop.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException
                or ObjectDisposedException)
            {
                // The client went away, or the test is over.
            }
        }
    }
}
