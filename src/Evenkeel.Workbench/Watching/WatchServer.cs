using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Evenkeel.Workbench.Watching;

/// <summary>
/// Shows runs in a browser of this machine, while they train or afterwards: the page at <c>/</c>, and what is new as
/// server-sent events at <c>/events</c>. It reads the folders and writes nothing.
/// </summary>
/// <remarks>
/// It listens on the loopback address alone, answers GET alone, and takes no path from a request. A request whose Host
/// is another name, or whose Origin is another site, is refused: a page of the web that gets a name of its own to point
/// at this machine reads nothing. See docs/decisions/0012-the-live-page-has-its-own-server.md.
/// </remarks>
public sealed class WatchServer : IDisposable
{
    /// <summary>The port that is tried first if none is asked for.</summary>
    public const int UsualPort = 6070;

    private const int MostConnections = 64;

    private static readonly string[] s_names = ["localhost", "127.0.0.1", "[::1]"];
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _end = new();
    private readonly List<TcpListener> _listeners = [];
    private readonly IReadOnlyList<WatchedRun> _runs;
    private readonly string _key;
    private readonly HashSet<string> _hosts;
    private int _connections;

    /// <summary>Begins to listen.</summary>
    /// <param name="runFolders">The folders of the runs, one or more.</param>
    /// <param name="port">The port. 0 takes <see cref="UsualPort"/>, or a free one if that is in use.</param>
    /// <exception cref="ArgumentException">There is no folder, or one is no run. The text says what to do.</exception>
    /// <exception cref="IOException">The port is in use, or may not be used.</exception>
    public WatchServer(IReadOnlyList<string> runFolders, int port = 0)
    {
        ArgumentNullException.ThrowIfNull(runFolders);
        ArgumentOutOfRangeException.ThrowIfNegative(port);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        if (runFolders.Count == 0)
            throw new ArgumentException("WatchServer: expected the folder of a run, got none.", nameof(runFolders));
        foreach (string folder in runFolders) CheckRun(folder);
        _runs = [.. runFolders.Select(static folder => new WatchedRun(folder))];
        _key = Convert.ToHexStringLower(SHA256.HashData(
            Encoding.UTF8.GetBytes(string.Join('\n', _runs.Select(static run => run.Folder)))))[..12];
        Port = port == 0 ? ListenAnywhere() : Listen(port);
        // The second loopback address, where there is one: browsers may take "localhost" for it.
        TryListen(IPAddress.IPv6Loopback, Port, out _);
        _hosts = [.. s_names.Select(host => $"{host}:{Port}")];
        foreach (TcpListener listener in _listeners) _ = AcceptAsync(listener);
    }

    /// <summary>The port.</summary>
    public int Port { get; }

    /// <summary>The address of the page, for example <c>http://localhost:6070/</c>.</summary>
    public Uri Address => new($"http://localhost:{Port}/");

    /// <summary>Ends all connections and stops listening.</summary>
    public void Dispose()
    {
        if (_end.IsCancellationRequested) return;
        _end.Cancel();
        foreach (TcpListener listener in _listeners) listener.Dispose();
    }

    private static void CheckRun(string folder)
    {
        if (WatchedRun.IsRun(folder)) return;
        string got = Directory.Exists(folder) ? "a folder without any of them" : "no such folder";
        string[] inner = Directory.Exists(folder)
            ? [.. Directory.EnumerateDirectories(folder).Where(WatchedRun.IsRun).Order(StringComparer.Ordinal)]
            : [];
        string hint = inner.Length > 0
            ? $"It holds {inner.Length} {(inner.Length == 1 ? "run" : "runs")}: name one, for example \"{inner[^1]}\"."
            : "Name the folder that 'evenkeel train' has written, for example runs/2026-11-29-1.";
        throw new ArgumentException(
            $"WatchServer: expected the folder of a run (with run.json, {LiveLog.FileName} or log.csv), got "
            + $"\"{folder}\", {got}. {hint}", nameof(folder));
    }

    private int ListenAnywhere()
    {
        if (TryListen(IPAddress.Loopback, UsualPort, out _)) return UsualPort;
        return TryListen(IPAddress.Loopback, 0, out SocketException? problem) ? PortOf(_listeners[0]) : throw new
            IOException($"WatchServer: no port can be listened on ({problem?.Message}).", problem);
    }

    private int Listen(int port)
    {
        if (TryListen(IPAddress.Loopback, port, out SocketException? problem)) return port;
        string why = problem?.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => "one that another program listens on",
            SocketError.AccessDenied => "one that this user may not use",
            _ => problem?.Message ?? "a failure",
        };
        throw new IOException(
            $"WatchServer: expected a free port, got {port}, {why}. Choose another one with --port, or none: then a "
            + "free one is taken.", problem);
    }

    private bool TryListen(IPAddress address, int port, out SocketException? problem)
    {
        var listener = new TcpListener(address, port);
        try
        {
            // Elsewhere it would also refuse a port whose last connections have just ended.
            if (OperatingSystem.IsWindows()) listener.ExclusiveAddressUse = true;
            listener.Start();
            _listeners.Add(listener);
            problem = null;
            return true;
        }
        catch (SocketException exception)
        {
            listener.Dispose();
            problem = exception;
            return false;
        }
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private async Task AcceptAsync(TcpListener listener)
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await listener.AcceptTcpClientAsync(_end.Token));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The other side has gone before it was heard.
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        bool hasPlace = Interlocked.Increment(ref _connections) <= MostConnections;
        try
        {
            using TcpClient held = client;
            NetworkStream stream = client.GetStream();
            if (hasPlace) await AnswerAsync(stream);
            else await RefuseAsync(stream, "503 Service Unavailable", "Too many pages are open. Close some.");
        }
        catch (Exception exception) when (
            exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The reader has gone, or the server ends.
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        RequestHead? request;
        using (var patience = CancellationTokenSource.CreateLinkedTokenSource(_end.Token))
        {
            patience.CancelAfter(s_patience);
            request = await RequestHead.ReadAsync(stream, patience.Token);
        }

        if (request is null)
        {
            await RefuseAsync(stream, "400 Bad Request", "This is no request that is understood here.");
        }
        else if (request["Host"] is not { } host || !_hosts.Contains(host.ToLowerInvariant()))
        {
            await RefuseAsync(stream, "403 Forbidden", $"This page answers to {Address} alone.");
        }
        else if (request["Origin"] is { } origin && !_hosts.Any(host =>
            string.Equals(origin, $"http://{host}", StringComparison.OrdinalIgnoreCase)))
        {
            await RefuseAsync(stream, "403 Forbidden", "Other sites may not read this page.");
        }
        else if (request.Method != "GET")
        {
            await RefuseAsync(
                stream, "405 Method Not Allowed", "This page is only read: expected GET.", "Allow: GET\r\n");
        }
        else if (request.Target == "/")
        {
            await SendAsync(
                stream, "200 OK", "text/html; charset=utf-8", RunPage.Live(_runs, _key),
                $"Content-Security-Policy: {RunPage.ContentPolicy}\r\n");
        }
        else if (request.Target == "/events")
        {
            await FollowAsync(stream, new EventStream(_runs, _key, request["Last-Event-ID"]));
        }
        else
        {
            await RefuseAsync(stream, "404 Not Found", "There is nothing here. The page is at /.");
        }
    }

    private async Task FollowAsync(NetworkStream stream, EventStream events)
    {
        await stream.WriteAsync(Head("200 OK", "text/event-stream; charset=utf-8", ""), _end.Token);
        int quiet = 0;
        while (true)
        {
            (string text, bool hasMore) = events.Next();
            // A comment now and then: a reader who has gone is noticed by it.
            if (text.Length == 0 && ++quiet % 25 == 0) text = ": still here\n\n";
            if (text.Length > 0) await stream.WriteAsync(Encoding.UTF8.GetBytes(text), _end.Token);
            if (!hasMore) await Task.Delay(s_pause, _end.Token);
        }
    }

    private Task RefuseAsync(NetworkStream stream, string status, string why, string more = "") =>
        SendAsync(stream, status, "text/plain; charset=utf-8", why + "\n", more);

    private async Task SendAsync(NetworkStream stream, string status, string type, string body, string more)
    {
        byte[] content = Encoding.UTF8.GetBytes(body);
        byte[] head = Head(status, type, $"Content-Length: {content.Length}\r\n{more}");
        await stream.WriteAsync((byte[])[.. head, .. content], _end.Token);
        // Closed at once, a connection with unread bytes is reset, and the answer may be lost.
        stream.Socket.Shutdown(SocketShutdown.Send);
        byte[] rest = new byte[4096];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        while (await stream.ReadAsync(rest, patience.Token) > 0)
        {
            // What else the reader says is not heard.
        }
    }

    private static byte[] Head(string status, string type, string more) => Encoding.ASCII.GetBytes(
        $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n{more}Cache-Control: no-store\r\n"
        + "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        + "Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n");
}
