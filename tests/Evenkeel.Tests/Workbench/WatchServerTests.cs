using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Evenkeel.Tests.Serialization;
using Evenkeel.Workbench.Watching;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class WatchServerTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly HttpClient _client = new() { Timeout = s_patience };

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_page_is_whole_and_may_fetch_nothing_from_elsewhere()
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        HttpResponseMessage answer = await _client.GetAsync(server.Address, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        string policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        string page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("</html>\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_come_as_they_are_written_and_none_comes_twice()
    {
        string run = Run("a", 3);
        using var server = new WatchServer([run], FreePort());
        using var reader = await EventReader.Open(_client, server);
        await reader.Gives(1, 2, 3);
        Append(run, 4, 5);
        await reader.Gives(4, 5);
    }

    [Fact]
    public async Task A_torn_line_waits_until_it_is_whole_and_one_that_is_no_JSON_is_left_out()
    {
        string run = Run("a", 1), path = Path.Combine(run, LiveLog.FileName);
        File.AppendAllText(path, "no JSON\n{\"step\":2");
        using var server = new WatchServer([run], FreePort());
        using var reader = await EventReader.Open(_client, server);
        await reader.Gives(1);
        File.AppendAllText(path, "}\n");
        await reader.Gives(2);
    }

    [Fact]
    public async Task Another_server_goes_on_where_the_reader_stands()
    {
        string run = Run("a", 3), other = Run("b", 2);
        int port = FreePort();
        string id;
        using (var server = new WatchServer([run, other], port))
        {
            using var reader = await EventReader.Open(_client, server);
            await reader.Gives(1, 2, 3, 1, 2);
            id = reader.LastId!;
        }

        Append(run, 4);
        Append(other, 3);
        using var next = new WatchServer([run, other], port);
        using var again = await EventReader.Open(_client, next, id);
        await again.Gives(4, 3);
    }

    [Fact]
    public async Task A_log_that_was_cut_and_has_grown_again_is_told_anew()
    {
        string run = Run("a", 3);
        using var server = new WatchServer([run], FreePort());
        using var reader = await EventReader.Open(_client, server);
        await reader.Gives(1, 2, 3);
        string path = Path.Combine(run, LiveLog.FileName);
        File.WriteAllText(path, Line(1) + Line(2));
        Append(run, 30, 31, 32);
        await reader.Gives(1, 2, 30, 31, 32);
        Assert.Contains("reset", reader.Names);
    }

    [Fact]
    public async Task A_run_that_has_only_begun_gets_its_curves_later()
    {
        string run = _folder.File("a");
        Directory.CreateDirectory(run);
        File.WriteAllText(Path.Combine(run, "run.json"), "{\"status\":\"running\"}");
        using var server = new WatchServer([run], FreePort());
        using var reader = await EventReader.Open(_client, server);
        await reader.Until("state");
        Append(run, 1);
        await reader.Gives(1);
        File.WriteAllText(Path.Combine(run, "run.json"), "{\"status\":\"completed\",\"name\":\"a\"}");
        JsonElement state = await reader.Until("state");
        Assert.Equal("completed", state.GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:PORT")]
    [InlineData("127.0.0.1")]
    [InlineData("localhost.evil.example:PORT")]
    [InlineData("")]
    public async Task A_request_to_another_name_is_refused(string host)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        host = host.Replace("PORT", $"{server.Port}", StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403", await Raw(server, $"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("LOCALHOST")]
    public async Task A_request_to_this_machine_is_answered(string host)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        Assert.StartsWith("HTTP/1.1 200",
            await Raw(server, $"GET / HTTP/1.1\r\nHost: {host}:{server.Port}\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost:PORT", HttpStatusCode.OK)]
    public async Task Other_sites_may_not_read(string origin, HttpStatusCode expected)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        using var request = new HttpRequestMessage(HttpMethod.Get, server.Address);
        request.Headers.Add("Origin", origin.Replace("PORT", $"{server.Port}", StringComparison.Ordinal));
        Assert.Equal(expected, (await _client.SendAsync(request, TestContext.Current.CancellationToken)).StatusCode);
    }

    [Theory]
    [InlineData("/run.json")]
    [InlineData("/a/live.jsonl")]
    [InlineData("/../../../../etc/passwd")]
    [InlineData("/..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("//etc/passwd")]
    [InlineData("http://localhost/etc/passwd")]
    [InlineData("/events/")]
    [InlineData("*")]
    public async Task No_path_of_a_request_reaches_a_file(string path)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        Assert.StartsWith("HTTP/1.1 404",
            await Raw(server, $"GET {path} HTTP/1.1\r\nHost: localhost:{server.Port}\r\n\r\n"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("HEAD")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    public async Task Anything_but_GET_is_refused(string method)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        string answer = await Raw(server, $"{method} / HTTP/1.1\r\nHost: localhost:{server.Port}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 405", answer, StringComparison.Ordinal);
        Assert.Contains("Allow: GET\r\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("GET /\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.example\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nno header\r\n\r\n")]
    public async Task What_is_no_request_is_refused(string text)
    {
        using var server = new WatchServer([Run("a", 1)], FreePort());
        text = text.Replace("PORT", $"{server.Port}", StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400", await Raw(server, text), StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_in_use_is_named_with_what_to_do()
    {
        string run = Run("a", 1);
        using var first = new WatchServer([run], FreePort());
        IOException error = Assert.Throws<IOException>(() => new WatchServer([run], first.Port));
        Assert.Contains($"got {first.Port}, one that another program listens on", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("--port", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_port_a_second_server_takes_a_free_one()
    {
        string run = Run("a", 1);
        using var first = new WatchServer([run]);
        using var second = new WatchServer([run]);
        Assert.NotEqual(first.Port, second.Port);
    }

    [Fact]
    public void A_folder_that_is_no_run_is_refused_and_the_runs_in_it_are_named()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => new WatchServer([_folder.File("missing")]));
        Assert.Contains("no such folder", error.Message, StringComparison.Ordinal);
        string run = Run("inner", 1);
        error = Assert.Throws<ArgumentException>(() => new WatchServer([_folder.Path]));
        Assert.Contains(run, error.Message, StringComparison.Ordinal);
    }

    private static string Line(int step) => $"{{\"t\":{step},\"step\":{step},\"epoch\":0,\"loss\":{1.0 / step}}}\n";

    private static void Append(string run, params ReadOnlySpan<int> steps)
    {
        foreach (int step in steps) File.AppendAllText(Path.Combine(run, LiveLog.FileName), Line(step));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<string> Raw(WatchServer server, string request)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port, token);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), token);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(token);
    }

    private string Run(string name, int steps)
    {
        string run = _folder.File(name);
        Directory.CreateDirectory(run);
        File.WriteAllText(Path.Combine(run, LiveLog.FileName), string.Concat(Enumerable.Range(1, steps).Select(Line)));
        return run;
    }

    /// <summary>Reads events as a browser does.</summary>
    private sealed class EventReader(HttpResponseMessage answer, StreamReader reader) : IDisposable
    {
        private readonly Queue<int> _steps = new();

        public string? LastId { get; private set; }

        public List<string> Names { get; } = [];

        public static async Task<EventReader> Open(HttpClient client, WatchServer server, string? lastId = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, "events"));
            if (lastId is not null) request.Headers.Add("Last-Event-ID", lastId);
            HttpResponseMessage answer = await client.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
            Stream stream = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            return new EventReader(answer, new StreamReader(stream));
        }

        /// <summary>The next lines have these steps, and no others came with them.</summary>
        public async Task Gives(params int[] expected)
        {
            while (_steps.Count < expected.Length) await Next();
            Assert.Equal(expected, _steps.ToArray());
            _steps.Clear();
        }

        public async Task<JsonElement> Until(string name)
        {
            while (true)
            {
                (string found, JsonElement data) = await Next();
                if (found == name) return data;
            }
        }

        public void Dispose()
        {
            reader.Dispose();
            answer.Dispose();
        }

        private async Task<(string Name, JsonElement Data)> Next()
        {
            string name = "";
            while (true)
            {
                string line = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                    .WaitAsync(s_patience) ?? throw new IOException("The stream has ended.");
                if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
                if (line.StartsWith("id: ", StringComparison.Ordinal)) LastId = line[4..];
                if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
                JsonElement data = JsonDocument.Parse(line[6..]).RootElement;
                Names.Add(name);
                if (name == "lines")
                {
                    foreach (JsonElement each in data.GetProperty("lines").EnumerateArray())
                        _steps.Enqueue(each.GetProperty("step").GetInt32());
                }

                return (name, data);
            }
        }
    }
}
