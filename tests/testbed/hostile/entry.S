/* How the guest gets from PVH's 32-bit entry, and its second processor from real mode, to 64-bit C. */

        .section .note.Xen, "a", @note
        .long 4, 4, 18                  /* owner bytes, value bytes, type: the 32-bit entry */
        .asciz "Xen"
        .long start

        .text
        .code32
        .globl start
start:
        movl $first_stack_end, %esp
        movl %ebx, start_info

        /* An identity map of 4 GiB in 2 MiB pages. */
        movl $directories, %edi
        movl $0x83, %eax
        movl $2048, %ecx
1:      movl %eax, (%edi)
        addl $0x200000, %eax
        addl $8, %edi
        loop 1b
        movl $upper, %edi
        movl $directories + 3, %eax
        movl $4, %ecx
2:      movl %eax, (%edi)
        addl $4096, %eax
        addl $8, %edi
        loop 2b
        movl $upper + 3, root

        xorl %edi, %edi
        jmp enter_long_mode

/* EDI is the processor's number, ESP its stack. */
enter_long_mode:
        lgdtl descriptors
        movl $0x20, %eax
        movl %eax, %cr4
        movl $root, %eax
        movl %eax, %cr3
        movl $0xC0000080, %ecx
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl $0x80000011, %eax
        movl %eax, %cr0
        ljmpl $0x08, $in_long_mode

        .code64
in_long_mode:
        movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        testl %edi, %edi
        jnz 3f
        call main
3:      call second_processor

        /* Copied to page SECOND_START, where the start-up interrupt lets the second processor begin. */
        .code16
        .globl second_start, second_start_end
second_start:
        cli
        xorw %ax, %ax
        movw %ax, %ds
        lgdtl 0x8000 + (second_descriptors - second_start)
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $0x18, $second_protected
second_descriptors:
        .word 31
        .long segments
second_start_end:

        .code32
second_protected:
        movw $0x10, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $second_stack_end, %esp
        movl $1, %edi
        jmp enter_long_mode

        .data
        .balign 8
segments:
        .quad 0
        .quad 0x00AF9B000000FFFF        /* 0x08: 64-bit code */
        .quad 0x00CF93000000FFFF        /* 0x10: data */
        .quad 0x00CF9B000000FFFF        /* 0x18: 32-bit code */
descriptors:
        .word 31
        .long segments
        .globl start_info
start_info:
        .long 0, 0

        .bss
        .balign 4096
root:   .skip 4096
upper:  .skip 4096
directories:
        .skip 4 * 4096
        .skip 16384
first_stack_end:
        .skip 16384
second_stack_end:

        .section .note.GNU-stack, "", @progbits
