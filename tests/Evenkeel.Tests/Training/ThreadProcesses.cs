using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Xunit;

namespace Evenkeel.Tests.Training;

/// <summary>Processes as threads of this one: each has a trainer of its own.</summary>
internal sealed class ThreadProcesses
{
    private readonly ConcurrentDictionary<(string Kind, int Number), Meeting> _meetings = [];
    private readonly int _size;
    private volatile string? _aborted;

    private ThreadProcesses(int size) => _size = size;

    /// <summary>Runs the same work as each of some processes, and gives their results in rank order.</summary>
    public static T[] Run<T>(int size, Func<IProcessGroup, T> work)
    {
        var hub = new ThreadProcesses(size);
        var results = new T[size];
        var failures = new ConcurrentQueue<Exception>();
        Thread[] threads = [.. Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                results[rank] = work(new Process(hub, rank));
            }
            catch (Exception failure)
            {
                failures.Enqueue(failure);
                hub._aborted ??= failure.Message;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        return failures.TryPeek(out Exception? first) ? throw first : results;
    }

    private sealed class Meeting(int size)
    {
        public byte[]?[] Values { get; } = new byte[size][];

        public int Left { get; set; } = size;

        public int Readers { get; set; } = size;
    }

    private sealed class Process(ThreadProcesses hub, int rank) : IProcessGroup
    {
        private readonly Dictionary<string, int> _numbers = [];

        public int Rank => rank;

        public int Size => hub._size;

        public long Step { get; set; }

        public TimeSpan Deadline => TimeSpan.FromMinutes(1);

        public long BytesSent => 0;

        public string NameOf(int other) => $"rank {other}";

        public void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all) =>
            AllGather(operation, MemoryMarshal.AsBytes(own), MemoryMarshal.AsBytes(all));

        public void AllGather(string operation, ReadOnlySpan<byte> own, Span<byte> all)
        {
            byte[] received = new byte[all.Length];
            int length = own.Length;
            var transfer = new Transfer(this, "gather", own.ToArray(), (values, from) =>
                values.CopyTo(received, from * length));
            transfer.Wait();
            received.CopyTo(all);
        }

        public ITransfer BeginAllToAll(
            string operation, byte[] sent, int[] sentCounts, byte[] received, int[] receivedCounts)
        {
            // With the places of all, so that each finds its own.
            byte[] places = MemoryMarshal.AsBytes<int>(sentCounts).ToArray();
            return new Transfer(this, "scatter", [.. places, .. sent.AsSpan(0, sentCounts.Sum())], (values, from) =>
            {
                int[] counts = MemoryMarshal.Cast<byte, int>(values.AsSpan(0, places.Length)).ToArray();
                Assert.Equal(receivedCounts[from], counts[rank]);
                values.AsSpan(places.Length + counts[..rank].Sum(), counts[rank])
                    .CopyTo(received.AsSpan(receivedCounts[..from].Sum()));
            });
        }

        public ITransfer BeginAllGather(string operation, byte[] values, int[] counts) => new Transfer(
            this, "collect", values.AsSpan(counts[..rank].Sum(), counts[rank]).ToArray(),
            (own, from) => own.CopyTo(values, counts[..from].Sum()));

        [DoesNotReturn]
        public void Abort(string message)
        {
            hub._aborted = message;
            throw new InvalidOperationException(message);
        }

        private sealed class Transfer : ITransfer
        {
            private readonly Process _process;
            private readonly (string, int) _key;
            private readonly Meeting _meeting;
            private readonly Action<byte[], int> _take;
            private bool _isDone;

            public Transfer(Process process, string kind, byte[] own, Action<byte[], int> take)
            {
                (_process, _take) = (process, take);
                int number = process._numbers.GetValueOrDefault(kind);
                process._numbers[kind] = number + 1;
                _key = (kind, number);
                _meeting = process.Hub._meetings.GetOrAdd(_key, _ => new Meeting(process.Size));
                lock (_meeting)
                {
                    _meeting.Values[process.Rank] = own;
                    _meeting.Left--;
                }
            }

            public bool Poll()
            {
                if (_isDone) return true;
                lock (_meeting)
                {
                    if (_meeting.Left > 0) return false;
                    for (int from = 0; from < _process.Size; from++) _take(_meeting.Values[from]!, from);
                    if (--_meeting.Readers == 0) _process.Hub._meetings.TryRemove(_key, out _);
                }

                return _isDone = true;
            }

            public void Wait()
            {
                while (!Poll())
                {
                    if (_process.Hub._aborted is { } why) throw new InvalidOperationException(why);
                    Thread.Sleep(0);
                }
            }
        }

        private ThreadProcesses Hub => hub;
    }
}
