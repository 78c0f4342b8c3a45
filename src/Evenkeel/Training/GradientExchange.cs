namespace Evenkeel.Training;

/// <summary>
/// Adds the gradients of all parts of all processes, in buckets that travel while the backward pass goes on.
/// </summary>
/// <remarks>
/// Buckets go in the order from the last parameter to the first, on all processes alike. The backward pass completes
/// gradients in about that order. Bits do not depend on the size of the buckets.
/// </remarks>
internal sealed class GradientExchange(IProcessGroup group, IReadOnlyList<Parameter>[] parts)
{
    /// <summary>Bytes at which a bucket is full: some ten times what latency costs at 10 Gbit/s.</summary>
    private const int BucketBytes = 1 << 19;

    private readonly Lock _gate = new();
    private readonly Dictionary<Parameter, int> _indices = Index(parts);
    private GradientBucket[] _buckets = [];
    private int[] _bucketOf = [];
    private bool[] _trained = [];
    private DType _dtype;
    private int _next;

    /// <summary>
    /// Whether the model gets the sums of all gradients. If not, each process has those of its share. Default: true.
    /// </summary>
    public bool GathersSums { get; set; } = true;

    /// <summary>Begins a pass. Frozen parameters do not travel.</summary>
    public void Begin(PartPlan plan)
    {
        IReadOnlyList<Parameter> model = parts[0];
        if (_dtype != model[0].DType || _trained.Length == 0
            || !_trained.AsSpan().SequenceEqual(model.Select(static p => p.RequiresGradient).ToArray())) Cut(model);
        foreach (GradientBucket bucket in _buckets) bucket.Begin(plan);
        _next = 0;
    }

    /// <summary>A gradient of one part is complete. Buckets that are full leave.</summary>
    public void Complete(Parameter parameter)
    {
        lock (_gate)
        {
            int bucket = _bucketOf[_indices[parameter]];
            if (bucket >= 0) _buckets[bucket].Missing--;
            while (_next < _buckets.Length && _buckets[_next].Missing == 0) _buckets[_next++].Send(parts);
            for (int i = 0; i < _next && _buckets[i].Poll(); i++)
            {
            }
        }
    }

    /// <summary>Sends what is left, and waits until the model has the sums of all.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            while (_next < _buckets.Length) _buckets[_next++].Send(parts);
            foreach (GradientBucket bucket in _buckets) bucket.AwaitSum();
            foreach (GradientBucket bucket in _buckets) bucket.Finish();
        }
    }

    /// <summary>Gives all processes the weights that each has updated.</summary>
    public void GatherWeights()
    {
        foreach (GradientBucket bucket in _buckets) bucket.SendWeights();
        foreach (GradientBucket bucket in _buckets) bucket.TakeWeights();
    }

    private void Cut(IReadOnlyList<Parameter> model)
    {
        _dtype = model[0].DType;
        _trained = [.. model.Select(static parameter => parameter.RequiresGradient)];
        _bucketOf = new int[model.Count];
        _bucketOf.AsSpan().Fill(-1);
        var buckets = new List<GradientBucket>();
        for (int end = model.Count; end > 0;)
        {
            if (!_trained[end - 1])
            {
                end--;
                continue;
            }

            long bytes = 0;
            int first = end;
            while (first > 0 && _trained[first - 1] && (first == end || bytes < BucketBytes))
                bytes += (long)model[--first].Count * _dtype.SizeInBytes();
            for (int i = first; i < end; i++) _bucketOf[i] = buckets.Count;
            buckets.Add(new GradientBucket(group, buckets.Count, first, [.. model.Skip(first).Take(end - first)])
            {
                GathersSums = GathersSums,
            });
            end = first;
        }

        _buckets = [.. buckets];
    }

    private static Dictionary<Parameter, int> Index(IReadOnlyList<Parameter>[] parts)
    {
        var indices = new Dictionary<Parameter, int>(ReferenceEqualityComparer.Instance);
        foreach (IReadOnlyList<Parameter> part in parts)
            for (int i = 0; i < part.Count; i++) indices.TryAdd(part[i], i);
        return indices;
    }
}
