;; What byhand_echo does: copies a request of `len` bytes at 0 to `reply`, and gives its length; -1 = it does not fit into `cap`.
(module
  (memory (export "memory") 1)
  (func (export "echo") (param $len i32) (param $reply i32) (param $cap i32) (result i32)
    (if (i32.gt_u (local.get $len) (local.get $cap))
      (then (return (i32.const -1))))
    (memory.copy (local.get $reply) (i32.const 0) (local.get $len))
    (local.get $len)))
