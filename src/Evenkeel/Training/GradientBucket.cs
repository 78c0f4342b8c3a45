using System.Numerics;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// Neighbouring gradients that travel together: each process gets its share of them (<see cref="ElementShare"/>) from
/// all, adds in the order of the parts (<see cref="PartTree"/>), and sends the sum to all. If the processes share the
/// update, the sum stays, and the weights of the share travel instead.
/// </summary>
/// <remarks>
/// A message has, for each sum that a process sends, a byte per parameter (whether there is a gradient) and the
/// elements of the share. What has no gradient in one part is not added, as in one process.
/// </remarks>
internal sealed unsafe class GradientBucket
{
    private const int Alignment = 8;

    private readonly IProcessGroup _group;
    private readonly string _operation;
    private readonly Parameter[] _model;
    private readonly int _elementBytes;
    private readonly int _flagBytes;
    private readonly int[] _sentCounts;
    private readonly int[] _receivedCounts;
    private readonly int[] _sumCounts;
    private readonly int[] _sumStarts;
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
        _elementBytes = parameters[0].DType.SizeInBytes();
        _flagBytes = (parameters.Length + Alignment - 1) / Alignment * Alignment;
        _isPresent = new bool[parameters.Length];
        int size = group.Size;
        (_sentCounts, _receivedCounts) = (new int[size], new int[size]);
        (_sumCounts, _sumStarts) = (new int[size], new int[size + 1]);
        for (int rank = 0; rank < size; rank++)
        {
            var share = new ElementShare(rank, size);
            _sumCounts[rank] = parameters.Sum(parameter => share.Of(parameter.Count).Count) * _elementBytes;
            _sumStarts[rank + 1] = _sumStarts[rank] + _sumCounts[rank];
        }

        _sums = GC.AllocateUninitializedArray<byte>(_sumStarts[^1], pinned: true);
    }

    /// <summary>The index of the first parameter in the model.</summary>
    public int First { get; }

    /// <summary>The number of parameters.</summary>
    public int Count => _model.Length;

    /// <summary>Whether all processes get the sums of all shares. If not, each has those of its own.</summary>
    public bool GathersSums { get; init; } = true;

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
        for (int i = 0; i < Count; i++) _model[i].HasGradient = _isPresent[i];
        for (int rank = 0; rank < _group.Size; rank++)
        {
            if (!GathersSums && rank != _group.Rank) continue;
            int at = _sumStarts[rank];
            for (int i = 0; i < Count; i++)
            {
                Range bytes = BytesOf(rank, i);
                Span<byte> sum = Take(_sums, bytes, ref at);
                if (_isPresent[i]) sum.CopyTo(_model[i].GradientMemory.Bytes()[bytes]);
            }
        }
    }

    /// <summary>Sends the weights of the own share on their way.</summary>
    public void SendWeights()
    {
        int at = _sumStarts[_group.Rank];
        for (int i = 0; i < Count; i++)
        {
            Range bytes = BytesOf(_group.Rank, i);
            _model[i].Value.Bytes()[bytes].CopyTo(Take(_sums, bytes, ref at));
        }

        _transfer = _group.BeginAllGather($"weights of {_operation}", _sums, _sumCounts);
    }

    /// <summary>Waits for the weights of the other shares.</summary>
    public void TakeWeights()
    {
        _transfer!.Wait();
        for (int rank = 0; rank < _group.Size; rank++)
        {
            if (rank == _group.Rank) continue;
            int at = _sumStarts[rank];
            for (int i = 0; i < Count; i++)
            {
                Range bytes = BytesOf(rank, i);
                Take(_sums, bytes, ref at).CopyTo(_model[i].Value.Bytes()[bytes]);
            }
        }
    }

    /// <summary>Where the share of a process stands in a parameter.</summary>
    private Range BytesOf(int rank, int parameter)
    {
        (int start, int count) = new ElementShare(rank, _group.Size).Of(_model[parameter].Count);
        return (start * _elementBytes)..((start + count) * _elementBytes);
    }

    /// <summary>The next bytes, as many as a range has.</summary>
    private static Span<byte> Take(Span<byte> from, Range bytes, ref int at)
    {
        int count = bytes.End.Value - bytes.Start.Value;
        Span<byte> taken = from.Slice(at, count);
        at += count;
        return taken;
    }

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
        (_flagBytes + _sumCounts[rank] + Alignment - 1) / Alignment * Alignment;

    private void Pack(IReadOnlyList<Parameter> parameters, int rank, ref int at)
    {
        Span<byte> message = _sent.AsSpan(at, MessageBytes(rank));
        at += message.Length;
        int place = _flagBytes;
        for (int i = 0; i < Count; i++)
        {
            Parameter parameter = parameters[First + i];
            message[i] = parameter.HasGradient ? (byte)1 : (byte)0;
            Range bytes = BytesOf(rank, i);
            Span<byte> packed = Take(message, bytes, ref place);
            if (parameter.HasGradient) parameter.GradientMemory.Bytes()[bytes].CopyTo(packed);
        }
    }

    /// <summary>Adds the shares of all parts in their order, and sends the sum on its way.</summary>
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
                .CopyTo(_sums.AsSpan(_sumStarts[own]));
        }

        if (!GathersSums)
        {
            _state = State.Done;
            return;
        }

        _transfer = _group.BeginAllGather(_operation, _sums, _sumCounts);
        _state = State.Gathering;
    }

    private void Add<T>(byte* from, byte* into) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var share = new ElementShare(_group.Rank, _group.Size);
        T* addend = (T*)(from + _flagBytes), sum = (T*)(into + _flagBytes);
        for (int i = 0; i < Count; i++)
        {
            int count = share.Of(_model[i].Count).Count;
            if (from[i] != 0)
            {
                bool isFirst = into[i] == 0;
                into[i] = 1;
                if (isFirst) new ReadOnlySpan<T>(addend, count).CopyTo(new Span<T>(sum, count));
                else if (count > 0) Kernels.Accumulate.Add(addend, sum, count);
            }

            addend += count;
            sum += count;
        }
    }

    private static void Grow(ref byte[] array, int bytes)
    {
        if (array.Length < bytes) array = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
    }
}
