using System.Numerics;
using System.Runtime.InteropServices;

namespace Evenkeel.Training;

/// <summary>
/// Neighbouring gradients that travel together: each process gets its slice of them from all, adds in the order of the
/// parts (<see cref="PartTree"/>), and sends the sum to all.
/// </summary>
/// <remarks>
/// A message has, for each sum that a process sends, a byte per parameter (whether there is a gradient) and the
/// elements of the slice. What has no gradient in one part is not added, as in one process.
/// </remarks>
internal sealed unsafe class GradientBucket
{
    private const int Alignment = 8;

    private readonly IProcessGroup _group;
    private readonly string _operation;
    private readonly Parameter[] _model;
    private readonly int[] _starts;
    private readonly int[] _sliceStarts;
    private readonly int _elementBytes;
    private readonly int _flagBytes;
    private readonly int[] _sentCounts;
    private readonly int[] _receivedCounts;
    private readonly int[] _sumCounts;
    private readonly byte[] _sums;
    private readonly bool[] _isPresent;
    private byte[] _sent = [];
    private byte[] _received = [];
    private ITransfer? _transfer;
    private PartPlan? _plan;
    private State _state;

    private enum State
    {
        Filling,
        Scattering,
        Gathering,
        Done,
    }

    /// <summary>Describes a bucket.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="number">Its number, for messages.</param>
    /// <param name="first">The index of its first parameter in the model.</param>
    /// <param name="parameters">Its parameters, which receive the sums.</param>
    public GradientBucket(IProcessGroup group, int number, int first, Parameter[] parameters)
    {
        (_group, _model, First) = (group, parameters, first);
        _operation = $"gradients {number} ({parameters[0].Name})";
        _starts = new int[parameters.Length + 1];
        for (int i = 0; i < parameters.Length; i++) _starts[i + 1] = _starts[i] + parameters[i].Count;
        _elementBytes = parameters[0].DType == DType.Float64 ? sizeof(double) : sizeof(float);
        _flagBytes = (parameters.Length + Alignment - 1) / Alignment * Alignment;
        _isPresent = new bool[parameters.Length];
        int size = group.Size, total = _starts[^1];
        _sliceStarts = new int[size + 1];
        for (int rank = 0; rank <= size; rank++) _sliceStarts[rank] = (int)((long)total * rank / size);
        (_sentCounts, _receivedCounts, _sumCounts) = (new int[size], new int[size], new int[size]);
        for (int rank = 0; rank < size; rank++) _sumCounts[rank] = SliceOf(rank) * _elementBytes;
        _sums = GC.AllocateUninitializedArray<byte>(total * _elementBytes, pinned: true);
    }

    /// <summary>The index of the first parameter in the model.</summary>
    public int First { get; }

    /// <summary>The number of parameters.</summary>
    public int Count => _model.Length;

    /// <summary>
    /// Gradients that are still missing before it can travel: parameters times parts of this process.
    /// </summary>
    public int Missing { get; set; }

    /// <summary>Prepares the bucket for a pass.</summary>
    public void Begin(PartPlan plan)
    {
        _plan = plan;
        _state = State.Filling;
        Missing = Count * plan.OwnParts;
    }

    /// <summary>Sends the gradients of this process on their way.</summary>
    /// <param name="parts">The parameters of all parts of this process, per part those of the whole model.</param>
    public void Send(IReadOnlyList<Parameter>[] parts)
    {
        PartPlan plan = _plan!;
        foreach (PartTree.Pair pair in plan.OwnPairs)
            for (int i = First; i < First + Count; i++) GradientSum.Add(parts[pair.From][i], parts[pair.Into][i]);
        Layout(plan);
        int at = 0;
        for (int rank = 0; rank < _group.Size; rank++)
        {
            foreach (int sum in plan.OwnSums) Pack(parts[sum], rank, ref at);
        }

        _transfer = _group.BeginAllToAll(_operation, _sent, _sentCounts, _received, _receivedCounts);
        _state = State.Scattering;
    }

    /// <summary>
    /// Moves the exchange on as far as it goes without waiting. True once the own sums have left: then the next bucket
    /// may send its own, for all processes send in one order.
    /// </summary>
    public bool Poll()
    {
        if (_state == State.Scattering && _transfer!.Poll()) Sum();
        if (_state == State.Gathering && _transfer!.Poll()) _state = State.Done;
        return _state is State.Gathering or State.Done;
    }

    /// <summary>Waits for the gradients of all, and sends the own sums on their way.</summary>
    public void AwaitSum()
    {
        if (_state != State.Scattering) return;
        _transfer!.Wait();
        Sum();
    }

    /// <summary>Waits for the sums and gives them to the model.</summary>
    public void Finish()
    {
        if (_state == State.Gathering) _transfer!.Wait();
        _state = State.Done;
        for (int i = 0; i < Count; i++)
        {
            Parameter parameter = _model[i];
            parameter.HasGradient = _isPresent[i];
            if (!_isPresent[i]) continue;
            _sums.AsSpan(_starts[i] * _elementBytes, parameter.Count * _elementBytes)
                .CopyTo(BytesOf(parameter.GradientMemory));
        }
    }

    private int SliceOf(int rank) => _sliceStarts[rank + 1] - _sliceStarts[rank];

    private void Layout(PartPlan plan)
    {
        for (int rank = 0; rank < _group.Size; rank++)
        {
            _sentCounts[rank] = plan.OwnSums.Length * MessageBytes(rank);
            _receivedCounts[rank] = plan.SumsOf(rank).Length * MessageBytes(_group.Rank);
        }

        Grow(ref _sent, _sentCounts.Sum());
        Grow(ref _received, _receivedCounts.Sum());
    }

    private int MessageBytes(int rank) =>
        (_flagBytes + (SliceOf(rank) * _elementBytes) + Alignment - 1) / Alignment * Alignment;

    private void Pack(IReadOnlyList<Parameter> parameters, int rank, ref int at)
    {
        Span<byte> message = _sent.AsSpan(at, MessageBytes(rank));
        at += message.Length;
        int from = _sliceStarts[rank], end = _sliceStarts[rank + 1];
        for (int i = 0; i < Count; i++)
        {
            Parameter parameter = parameters[First + i];
            message[i] = parameter.HasGradient ? (byte)1 : (byte)0;
            (int start, int stop) = (Math.Max(from, _starts[i]), Math.Min(end, _starts[i + 1]));
            if (start >= stop || !parameter.HasGradient) continue;
            BytesOf(parameter.GradientMemory)
                .Slice((start - _starts[i]) * _elementBytes, (stop - start) * _elementBytes)
                .CopyTo(message[(_flagBytes + ((start - from) * _elementBytes))..]);
        }
    }

    /// <summary>Adds the slices of all parts in their order, and sends the sum on its way.</summary>
    private void Sum()
    {
        PartPlan plan = _plan!;
        int own = _group.Rank, message = MessageBytes(own);
        // Where the sum that begins with a part stands in what was received.
        var places = new Dictionary<int, int>();
        int at = 0;
        for (int rank = 0; rank < _group.Size; rank++)
        {
            foreach (int sum in plan.SumsOf(rank))
            {
                places.Add(sum, at);
                at += message;
            }
        }

        fixed (byte* received = _received)
        {
            foreach (PartTree.Pair pair in plan.SharedPairs)
            {
                byte* into = received + places[pair.Into], from = received + places[pair.From];
                if (_elementBytes == sizeof(double)) Add<double>(from, into);
                else Add<float>(from, into);
            }

            byte* total = received + places[0];
            for (int i = 0; i < Count; i++) _isPresent[i] = total[i] != 0;
            new ReadOnlySpan<byte>(total + _flagBytes, _sumCounts[own])
                .CopyTo(_sums.AsSpan(_sliceStarts[own] * _elementBytes));
        }

        _transfer = _group.BeginAllGather(_operation, _sums, _sumCounts);
        _state = State.Gathering;
    }

    private void Add<T>(byte* from, byte* into) where T : unmanaged, IFloatingPointIeee754<T>
    {
        int begin = _sliceStarts[_group.Rank], end = _sliceStarts[_group.Rank + 1];
        T* source = (T*)(from + _flagBytes), target = (T*)(into + _flagBytes);
        for (int i = 0; i < Count; i++)
        {
            if (from[i] == 0) continue;
            int start = Math.Max(begin, _starts[i]), count = Math.Min(end, _starts[i + 1]) - start;
            bool isFirst = into[i] == 0;
            into[i] = 1;
            if (count <= 0) continue;
            T* addend = source + (start - begin), sum = target + (start - begin);
            if (isFirst) new ReadOnlySpan<T>(addend, count).CopyTo(new Span<T>(sum, count));
            else Kernels.Accumulate.Add(addend, sum, count);
        }
    }

    private static void Grow(ref byte[] array, int bytes)
    {
        if (array.Length < bytes) array = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
    }

    private static Span<byte> BytesOf(Tensor gradient) => gradient.DType == DType.Float64
        ? MemoryMarshal.AsBytes(gradient.AsSpan<double>())
        : MemoryMarshal.AsBytes(gradient.AsSpan<float>());
}
