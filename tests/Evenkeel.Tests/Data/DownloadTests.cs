using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Evenkeel.Cli.Terminal;
using Evenkeel.Data;
using Evenkeel.Tests.Lab;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class DownloadTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LoopbackServer _server = new();
    private readonly byte[] _content = new byte[300_000];
    private readonly List<DownloadProgress> _progress = [];

    public DownloadTests()
    {
        new System.Random(5).NextBytes(_content);
        _server.Put("set.bin", _content);
    }

    public void Dispose()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    private string Target => _folder.File("sets/set.bin");

    private string Part => Target + ".part";

    private string[] Left =>
        [.. Directory.GetFiles(_folder.File("sets")).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    private sealed class Recorder(List<DownloadProgress> list) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => list.Add(value);
    }

    private Task FetchAsync(string? md5 = null, string name = "set.bin", CancellationToken cancellation = default)
    {
        var address = new Uri(_server.Address, name);
        return new Download(
            Download.CreateClient(address), address, name,
            Target, md5 ?? Convert.ToHexStringLower(CryptographicOperations.HashData(HashAlgorithmName.MD5, _content)),
            new Recorder(_progress)).RunAsync(cancellation);
    }

    private void PutPart(ReadOnlySpan<byte> bytes)
    {
        Directory.CreateDirectory(_folder.File("sets"));
        File.WriteAllBytes(Part, bytes);
    }

    private void IsWhole()
    {
        Assert.Equal(_content, File.ReadAllBytes(Target));
        Assert.Equal(["set.bin"], Left);
    }

    [Fact]
    public async Task A_file_comes_whole_with_progress_and_only_once()
    {
        await FetchAsync();
        IsWhole();
        Assert.Equal(new DownloadProgress("set.bin", 0, 300_000, 0), _progress[0]);
        Assert.Equal(new DownloadProgress("set.bin", 300_000, 300_000, 0), _progress[^1]);
        Assert.Equal(_progress.OrderBy(p => p.Received), _progress);
        await FetchAsync();
        Assert.Equal(["/set.bin"], _server.Requests);
    }

    [Fact]
    public async Task An_earlier_attempt_is_gone_on_with()
    {
        PutPart(_content.AsSpan(0, 123_456));
        await FetchAsync();
        IsWhole();
        Assert.Equal(["/set.bin 123456-"], _server.Requests);
        Assert.Equal(new DownloadProgress("set.bin", 123_456, 300_000, 123_456), _progress[0]);
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_starts_anew()
    {
        _server.IgnoreRange = true;
        PutPart(_content.AsSpan(0, 123_456));
        await FetchAsync();
        IsWhole();
        Assert.Equal(0, _progress[0].Resumed);
    }

    [Theory]
    [InlineData(300_000, 0)]
    [InlineData(300_007, 2)]
    public async Task A_complete_part_needs_no_more_and_a_too_long_one_starts_anew(int length, int requests)
    {
        byte[] part = new byte[length];
        _content.AsSpan(0, Math.Min(length, 300_000)).CopyTo(part);
        PutPart(part);
        await FetchAsync();
        IsWhole();
        Assert.Equal(requests, _server.Requests.Count);
    }

    [Fact]
    public async Task A_line_that_is_cut_is_picked_up_again()
    {
        _server.Cut = (70_000, 3);
        await FetchAsync();
        IsWhole();
        Assert.Equal(4, _server.Requests.Count);
        Assert.StartsWith("/set.bin ", _server.Requests[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_that_is_cut_too_often_keeps_what_came()
    {
        _server.Cut = (20_000, 100);
        string message = (await Assert.ThrowsAsync<IOException>(() => FetchAsync())).Message;
        Assert.Contains("run it again to go on from there", message, StringComparison.Ordinal);
        Assert.Equal(["set.bin.part"], Left);
        long kept = new FileInfo(Part).Length;
        Assert.InRange(kept, 1, 100_000);
        Assert.Equal(_content[..(int)kept], File.ReadAllBytes(Part));
        _server.Cut = (0, 0);
        await FetchAsync();
        IsWhole();
    }

    [Fact]
    public async Task A_wrong_checksum_removes_the_part_and_says_so()
    {
        string message = (await Assert.ThrowsAsync<InvalidDataException>(
            () => FetchAsync(md5: "00112233445566778899aabbccddeeff"))).Message;
        Assert.Contains("expected the published checksum (MD5 00112233445566778899aabbccddeeff) of set.bin",
            message, StringComparison.Ordinal);
        Assert.Contains("is removed", message, StringComparison.Ordinal);
        Assert.Empty(Left);

        // A part of another file is tried once, then all comes anew.
        PutPart(new byte[1000]);
        await FetchAsync();
        IsWhole();
        Assert.Equal(["/set.bin", "/set.bin 1000-", "/set.bin"], _server.Requests);
    }

    [Fact]
    public async Task A_part_of_another_file_is_tried_once_only()
    {
        PutPart(new byte[1000]);
        await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(md5: "00112233445566778899aabbccddeeff"));
        Assert.Equal(2, _server.Requests.Count);
        Assert.Empty(Left);
    }

    [Fact]
    public async Task A_line_that_is_reset_is_picked_up_again()
    {
        _server.IsReset = true;
        _server.Cut = (70_000, 2);
        await FetchAsync();
        IsWhole();
        Assert.Equal(3, _server.Requests.Count);
        File.Delete(Target);
        _server.Cut = (20_000, 100);
        string message = (await Assert.ThrowsAsync<IOException>(() => FetchAsync())).Message;
        Assert.Contains($"{_server.Address}set.bin could not be downloaded (", message, StringComparison.Ordinal);
        Assert.Contains("are kept; run it again to go on from there", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_is_no_file_is_named()
    {
        Assert.Contains(
            "answered 404 (Not Found)",
            (await Assert.ThrowsAsync<IOException>(() => FetchAsync(name: "other.bin"))).Message,
            StringComparison.Ordinal);
        _server.Status = "503 Busy";
        PutPart(_content.AsSpan(0, 1000));
        Assert.Contains("answered 503 (Busy)",
            (await Assert.ThrowsAsync<IOException>(() => FetchAsync())).Message, StringComparison.Ordinal);
        Assert.Equal(1000, new FileInfo(Part).Length);
    }

    [Fact]
    public async Task No_network_is_named()
    {
        var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var address = new Uri($"http://127.0.0.1:{((IPEndPoint)closed.LocalEndpoint).Port}/set.bin");
        closed.Stop();
        var download = new Download(Download.CreateClient(address), address, "set.bin", Target, "", null);
        string message = (await Assert.ThrowsAsync<IOException>(
            () => download.RunAsync(CancellationToken.None))).Message;
        Assert.Contains("Is there a network?", message, StringComparison.Ordinal);
        Assert.Contains(address.ToString(), message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_folder.File("sets"), "a file in its place");
        Assert.Contains($"\"{Part}\" cannot be made",
            (await Assert.ThrowsAsync<IOException>(() => FetchAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_keeps_the_part()
    {
        _server.HangAfter = 100_000;
        using var cancel = new CancellationTokenSource();
        Task fetch = FetchAsync(cancellation: cancel.Token);
        var clock = Stopwatch.StartNew();
        while (!File.Exists(Part) || new FileInfo(Part).Length < 100_000)
        {
            Assert.True(clock.Elapsed.TotalSeconds < 30);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        // A second process meanwhile.
        Assert.Contains("is another process downloading it?",
            (await Assert.ThrowsAsync<IOException>(() => FetchAsync())).Message, StringComparison.Ordinal);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
        Assert.Equal(_content[..100_000], File.ReadAllBytes(Part));
        _server.HangAfter = null;
        await FetchAsync();
        IsWhole();
    }

    [Fact]
    public async Task A_cut_of_the_catalog_never_leaves_a_file_with_its_name()
    {
        // The real names, but not the real content: every file is refused, none gets its name.
        _server.Put("train-images-idx3-ubyte.gz", _content);
        InvalidDataException failure = await Assert.ThrowsAsync<InvalidDataException>(
            () => DataCatalog.FetchAsync("fashion-mnist",
                _folder.File("data"), _server.Address, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("8d4fb7e6c68d591d4c3dfef9ec88bf0d", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.File("data"), "*", SearchOption.AllDirectories));
        await Assert.ThrowsAsync<ArgumentException>(() => DataCatalog.FetchAsync(
            "mnist", _folder.Path, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void The_command_fetches_the_real_set_from_a_mirror()
    {
        string source = RealData.Require("fashion-mnist");
        foreach (string file in Directory.GetFiles(source, "*.gz"))
            _server.Put(Path.GetFileName(file), File.ReadAllBytes(file));
        using LabProcess lab = LabProcess.Run(
            "data", "fetch", "fashion-mnist", "--from", _server.Address.ToString(), "--data", _folder.File("data"));
        Assert.Equal("", lab.Process.ExitCode == 0 ? "" : lab.Error);
        Assert.Contains("fashion-mnist: 30.9 MB in ", lab.Output, StringComparison.Ordinal);
        Assert.Contains("train-images-idx3-ubyte.gz: 26.4 MB of 26.4 MB (100 %)", lab.Error, StringComparison.Ordinal);
        Assert.Equal(10000, FashionMnist.Load(_folder.File("data")).Test.Count);
    }

    [Fact]
    public void The_command_says_what_is_wrong()
    {
        using LabProcess absent = LabProcess.Run(
            "data", "fetch", "cifar-10", "--from", _server.Address.ToString(), "--data", _folder.File("data"));
        Assert.Equal(1, absent.Process.ExitCode);
        Assert.Contains("answered 404 (Not Found)", absent.Error, StringComparison.Ordinal);
        Assert.Empty(absent.Output);

        using LabProcess unknown = LabProcess.Run("data", "fetch", "fashion");
        Assert.Equal(2, unknown.Process.ExitCode);
        Assert.Contains("unknown set 'fashion'. Did you mean fashion-mnist?", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void CtrlC_keeps_the_part_and_ends_with_130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        _server.Put("cifar-10-binary.tar.gz", _content);
        _server.HangAfter = 100_000;
        using LabProcess lab = LabProcess.Start(
            "data", "fetch", "cifar-10", "--from", _server.Address.ToString(), "--data", _folder.File("data"));
        string part = _folder.File("data/cifar-10-binary.tar.gz.part");
        var clock = Stopwatch.StartNew();
        while (!File.Exists(part) || new FileInfo(part).Length < 100_000)
        {
            Assert.True(clock.Elapsed.TotalSeconds < 60, "waited a minute in vain");
            Thread.Sleep(20);
        }

        lab.Signal("-INT");
        Assert.Equal(130, lab.Wait(seconds: 20));
        Assert.Contains("is kept", lab.Error, StringComparison.Ordinal);
        Assert.Equal(100_000, new FileInfo(part).Length);
    }

    [Fact]
    public void Progress_says_bytes_rate_and_time_left()
    {
        Assert.Equal("a: 12.0 MB of 26.4 MB (45 %), 2.0 MB/s, 8 s left",
            DownloadDisplay.Text(new DownloadProgress("a", 12_000_000, 26_400_000, 2_000_000), 5));
        Assert.Equal("a: 12.0 MB, 3.0 MB/s", DownloadDisplay.Text(new DownloadProgress("a", 12_000_000, null, 0), 4));
        Assert.Equal("a: 170.0 MB of 1.7 GB (10 %), 1.0 MB/s, 26 min left",
            DownloadDisplay.Text(new DownloadProgress("a", 170_000_000, 1_700_000_000, 0), 170));
        Assert.Equal("a: 0 B of 5.1 kB (0 %)", DownloadDisplay.Text(new DownloadProgress("a", 0, 5148, 0), 0));
    }
}
